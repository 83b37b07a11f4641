"""Whatever is sent by whomever: rows that one may not touch are afterwards as they were before."""

import random
from typing import Any

import pytest

from tests.permission_table.asking import Console, address_of, changed, state
from tests.permission_table.oracle import (
    ALL,
    ASKERS,
    FEW,
    KINDS,
    NOBODY,
    TENANTS,
    Asker,
    acts,
)
from tests.permission_table.rows_of_tenant import contents
from tests.permission_table.survey import Survey
from tests.permission_table.undoing import taken_back
from tests.permission_table.world import World

pytestmark = pytest.mark.django_db
WITHOUT_TRACE = {
    "accept", "adopt", "analyze_again", "analyze_posts_again", "remove_second_factors",
    "resubmit_task", "resume_reading", "retry",
}  # fmt: skip
"""Actions that ask first, find nothing to do, or leave the work to others: no table shows them."""
SOME = [one for one in ASKERS if one.name in FEW]
WHO = [
    pytest.param(SOME, id="some"),
    pytest.param([one for one in ASKERS if one not in SOME], id="others", marks=pytest.mark.long),
]
ACTIONS = [(kind, action) for kind in KINDS for action in KINDS[kind].actions]


def _act(
    console: Console, asker: Asker, kind: str, action: str, chosen: Any, before: dict[str, str]
) -> set[str]:
    """Choose rows and run the action; return the tables that it changed, and take that back."""
    with taken_back():
        console.ask(asker.name, "POST", address_of(kind, "list"), {
            "action": action, "_selected_action": chosen, "select_across": "0", "post": "yes",
            "run": "run-of-a-test", "index": "0",
        })  # fmt: skip
        return changed(before, state())


@pytest.mark.sampled(8)
@pytest.mark.parametrize("askers", WHO)
@pytest.mark.parametrize(("kind", "action"), ACTIONS)
def test_an_action_does_something_only_where_the_table_says(
    console: Console, world: World, askers: list[Asker], kind: str, action: str
):
    survey, before = Survey(world), state()
    for asker in askers:
        for whose in (ALL,) if KINDS[kind].shared else TENANTS:
            chosen = [world.row(kind, whose).pk]
            done = _act(console, asker, kind, action, chosen, before)
            if not acts(asker, KINDS[kind], action, whose):
                survey.equal((asker.name, action, whose), done, set())
            elif action not in WITHOUT_TRACE:
                survey.equal((asker.name, action, whose, "is done"), bool(done), True)

    survey.check()


@pytest.mark.sampled(5)
@pytest.mark.parametrize("askers", WHO)
@pytest.mark.parametrize(("kind", "action"), [(k, a) for k, a in ACTIONS if not KINDS[k].shared])
def test_all_rows_are_all_that_one_may_touch(
    console: Console, world: World, askers: list[Asker], kind: str, action: str
):
    """`select_across` is sent with rows of both tenants: those of the other one stay."""
    survey = Survey(world)
    chosen = [world.row(kind, whose).pk for whose in TENANTS]
    before = {whose: contents(world.tenants[whose]) for whose in TENANTS}
    for asker in askers:
        with taken_back():
            console.ask(asker.name, "POST", address_of(kind, "list"), {
                "action": action, "_selected_action": chosen, "select_across": "1", "post": "yes",
                "run": "run-of-a-test", "index": "0",
            })  # fmt: skip
            for whose in TENANTS:
                if not acts(asker, KINDS[kind], action, whose):
                    same = contents(world.tenants[whose]) == before[whose]
                    survey.equal((asker.name, action, whose, "is as before"), same, True)

    survey.check()


FORMS: dict[str, dict[str, Any]] = {
    "media.channel": {"username": "taken_over"},
    "crawl.crawldomain": {"budget": "7"},
    "accounts.tenant": {"name": "taken over", "settings": "{}", "limit_bytes": "1"},
    "accounts.membership": {"role": "administrator"},
}


@pytest.mark.parametrize("askers", WHO)
@pytest.mark.parametrize("kind", FORMS)
def test_a_form_changes_a_row_only_where_the_table_says(
    console: Console, world: World, askers: list[Asker], kind: str
):
    survey, before = Survey(world), state()
    for asker in askers:
        for whose in TENANTS:
            address = address_of(kind, "look", world.row(kind, whose).pk)
            with taken_back():
                console.ask(asker.name, "POST", address, _filled(kind))
                done = bool(changed(before, state()))
            may = asker.may(KINDS[kind].change, whose)
            survey.equal((asker.name, kind, whose), done, may)

    survey.check()


def _filled(kind: str) -> dict[str, Any]:
    """The form of a row; a superuser's page of a tenant has its memberships as well."""
    inline = {f"memberships-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL")}
    return FORMS[kind] | (inline if kind == "accounts.tenant" else {})


@pytest.mark.parametrize("askers", WHO)
@pytest.mark.parametrize("page", ["delete", "look"])
def test_deleting_and_changing_foreign_rows_changes_nothing(
    console: Console, world: World, askers: list[Asker], page: str
):
    """Each kind of row, its page of deletion confirmed, and a form with all there may be in it."""
    survey = Survey(world)
    sent = {"post": "yes", "is_active": "", "role": "administrator", "is_superuser": "on"}
    before = state()
    for asker in askers:
        with taken_back():
            for kind, rule in KINDS.items():
                needed = rule.delete if page == "delete" else rule.change
                whose = ALL if rule.shared else "B"
                if not asker.may(needed, whose):
                    address = address_of(kind, page, world.row(kind, whose).pk)
                    console.ask(asker.name, "POST", address, sent)
            survey.equal((asker.name, page), changed(before, state()), set())

    survey.check()


@pytest.mark.parametrize("askers", WHO)
@pytest.mark.parametrize("role", ["viewer", "operator", "administrator"])
def test_nobody_makes_a_member_of_a_tenant_that_he_does_not_administer(
    console: Console, world: World, askers: list[Asker], role: str
):
    survey = Survey(world)
    for asker in askers:
        for whose in (*TENANTS, NOBODY):
            tenant = (
                world.tenants[whose].pk if whose in TENANTS else world.missing("accounts.tenant")
            )
            stranger = world.users["stranger"]
            user = stranger.pk if asker.superuser else stranger.username
            form = {"tenant": tenant, "user": user, "role": role}
            with taken_back():
                console.ask(asker.name, "POST", address_of("accounts.membership", "add"), form)
                made = stranger.memberships.exists()
            survey.equal(
                (asker.name, whose), made, asker.may(KINDS["accounts.membership"].add, whose)
            )

    survey.check()


def test_an_administrator_does_not_raise_anybody_above_himself(console: Console, world: World):
    """Accounts are a superuser's: neither a password nor the mark of a superuser is changed."""
    user, before = world.row("accounts.user", "A"), state()
    for name in ("viewer", "operator", "administrator", "administrator of B"):
        for address, form in (
            (address_of("accounts.user", "look", user.pk), {"username": "x", "is_superuser": "on"}),
            (
                f"/admin/accounts/user/{user.pk}/password/",
                {"password1": "k3hU-9s!", "password2": "k3hU-9s!"},
            ),
        ):
            with taken_back():
                reply = console.ask(name, "POST", address, form)
                assert changed(before, state()) == set()
            sees = name == "administrator"
            assert reply.status == (403 if sees else 404), (name, address)


@pytest.mark.long
def test_no_random_form_changes_anything_of_another_tenant(console: Console, world: World):
    """Bodies out of keys of both tenants, sent to whatever page, by those who know only A."""
    chance = random.Random(13)
    askers = [one for one in ASKERS if set(one.roles) == {"A"} or not one.admitted]
    before = contents(world.tenants["B"])
    for _ in range(1500):
        kind, asker = chance.choice(list(KINDS)), chance.choice(askers)
        keys = [row.pk for rows in world.rows.values() for row in rows.values()]
        form = {
            "action": chance.choice([*KINDS[kind].actions, "delete_selected"]),
            "_selected_action": chance.sample(keys, 3), "select_across": chance.choice("01"),
            "post": "yes", "run": "r", "tenant": chance.choice(keys), "user": chance.choice(keys),
            "role": chance.choice(["viewer", "administrator"]), "index": "0", "_save": "",
        }  # fmt: skip
        page = chance.choice(["list", "add", "look", "delete"])
        key = None if page in {"list", "add"} else chance.choice(keys)
        with taken_back():
            reply = console.ask(asker.name, "POST", address_of(kind, page, key), form)
            assert contents(world.tenants["B"]) == before, (asker.name, kind, page, form)
        assert not reply.given_away(world.secrets["B"]), (asker.name, kind, page, form)
