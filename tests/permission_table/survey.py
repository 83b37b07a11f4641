"""Ask about each kind of rows, and compare three things of each answer with the oracle."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.permission_table import oracle
from tests.permission_table.asking import Console, Reply, address_of
from tests.permission_table.oracle import (
    ALL,
    DONE,
    KINDS,
    NOBODY,
    PAGES_OF_A_ROW,
    TENANTS,
    VIEW,
    Asker,
)
from tests.permission_table.world import World


@dataclass
class Survey:
    """What was compared, and what differed."""

    world: World
    compared: int = 0
    wrong: list[str] = field(default_factory=list)

    def expect(self, asker: Asker, asked: Any, reply: Reply, expected: oracle.Answer) -> None:
        """The answer is the expected one, and says nothing of tenants that the asker cannot see."""
        self.equal((asker.name, asked), reply.answer, expected)
        for tenant in TENANTS:
            if not asker.may(VIEW, tenant):
                told = reply.given_away(self.world.secrets[tenant])
                self.equal((asker.name, asked, "tells of", tenant), told, set())

    def equal(self, what: Any, found: Any, expected: Any) -> None:
        self.compared += 1
        if found != expected:
            self.wrong.append(f"{what}: {found}, not {expected}")

    def check(self) -> None:
        assert not self.wrong, "\n".join(self.wrong)


def of_pages(console: Console, world: World, kind: str, askers: Iterable[Asker]) -> Survey:
    """Ask for every page of one kind of rows."""
    survey = Survey(world)
    for asker in askers:
        for page in ("list", "add"):
            reply = console.get(asker.name, address_of(kind, page))
            survey.expect(asker, page, reply, oracle.page(asker, KINDS[kind], page, NOBODY))
        for page in PAGES_OF_A_ROW:
            _ask_of_rows(console, survey, kind, asker, page)
    return survey


def _ask_of_rows(console: Console, survey: Survey, kind: str, asker: Asker, page: str) -> None:
    """Ask for a page of the row of each owner; of one not to be known, exactly as if it was not."""
    missing = survey.world.missing(kind)
    of_none = _page(console, asker, kind, page, missing)
    survey.expect(
        asker, (kind, page, NOBODY), of_none, oracle.page(asker, KINDS[kind], page, NOBODY)
    )
    for whose in (ALL,) if KINDS[kind].shared else TENANTS:
        key = survey.world.row(kind, whose).pk
        reply = _page(console, asker, kind, page, key)
        expected = oracle.page(asker, KINDS[kind], page, whose)
        survey.expect(asker, (kind, page, whose), reply, expected)
        if expected is not DONE and of_none.answer is expected:
            survey.equal(
                (asker.name, kind, page, whose, "is told from none"),
                reply.unlike(of_none, address_of(kind, page, key), address_of(kind, page, missing)),
                "",
            )


def _page(console: Console, asker: Asker, kind: str, page: str, key: Any) -> Reply:
    address = address_of(kind, page, key)
    if page == "change":
        return console.post(asker.name, address, {})
    return console.get(asker.name, address)
