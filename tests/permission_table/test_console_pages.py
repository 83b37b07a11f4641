"""Every page of the console, by everybody, about own, foreign and missing rows."""

import pytest

from tests.permission_table import oracle
from tests.permission_table.asking import Console, address_of
from tests.permission_table.oracle import ALL, ASKERS, KINDS, NOBODY, PAGES_OF_A_ROW, TENANTS
from tests.permission_table.world import World


pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", KINDS)
def test_each_page_answers_as_the_table_says(console: Console, world: World, kind: str):
    owners = (ALL, NOBODY) if KINDS[kind].shared else (*TENANTS, NOBODY)
    wrong = []
    for asker in ASKERS:
        asked = [("list", NOBODY), ("add", NOBODY)]
        asked += [(page, whose) for page in PAGES_OF_A_ROW for whose in owners]
        for page, whose in asked:
            expected = oracle.page(asker, KINDS[kind], page, whose)
            reply = _asked(console, world, asker.name, kind, page, whose)
            if reply.answer is not expected:
                wrong.append((asker.name, page, whose, f"{reply.answer}, not {expected}"))

    assert wrong == []


def _asked(console: Console, world: World, asker: str, kind: str, page: str, whose: str):
    if page in {"list", "add"}:
        return console.get(asker, address_of(kind, page))
    key = world.missing(kind) if whose == NOBODY else world.row(kind, whose).pk
    address = address_of(kind, page, key)
    return console.post(asker, address, {}) if page == "change" else console.get(asker, address)
