"""Tokens of the API: never more than the owner may, and never more than the token says."""

import uuid
from itertools import product
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Membership, User
from accounts.tokens.revoke import revoke
from tests.permission_table import oracle
from tests.permission_table.asking import Console, Reply
from tests.permission_table.endpoints import CALLS
from tests.permission_table.oracle import (
    ADMINISTER,
    ASKERS,
    DONE,
    FORBIDDEN,
    LOGIN,
    OPERATE,
    TENANTS,
    VIEW,
    Token,
)
from tests.permission_table.survey import Survey
from tests.permission_table.undoing import taken_back
from tests.permission_table.world import World, token_of

pytestmark = pytest.mark.django_db
SCOPES = {"read": VIEW, "operate": OPERATE, "administer": ADMINISTER}


EVERY_KIND = pytest.mark.parametrize(("scope", "only"), list(product(SCOPES, ("", *TENANTS))))


def _survey(console: Console, world: World, name: str, scope: str, only: str) -> Survey:
    survey = Survey(world)
    [asker] = [one for one in ASKERS if one.name == name]
    owner = Token(**vars(asker) | {"scope": SCOPES[scope], "only": only})
    with taken_back():
        tenant = world.tenants[only] if only else None
        _, secret = token_of(world.users[name], scope=scope, tenant=tenant, name="t")
        _ask_everything(console, survey, owner, secret)
    return survey


def _ask_everything(console: Console, survey: Survey, owner: Token, secret: str) -> None:
    for call in CALLS:
        for whose in call.rule.whose:
            address = call.address(survey.world, whose)
            reply = _ask(console, call.method, address, secret, call.body(survey.world, whose))
            expected = oracle.endpoint(owner, call.rule, whose)
            survey.expect(owner, (owner.scope, owner.only, call.name, whose), reply, expected)


def _ask(console: Console, method: str, address: str, secret: str, body: Any = None) -> Reply:
    by_token: dict[str, Any] = {"headers": {"Authorization": f"Token {secret}"}}
    if method == "POST":
        return console.post("anonymous", address, body, content_type="application/json", **by_token)
    if method == "DELETE":
        return console.delete("anonymous", address, **by_token)
    return console.get("anonymous", address, **by_token)


@pytest.mark.sampled(2)
@EVERY_KIND
def test_a_token_allows_what_both_it_and_its_owner_do(
    console: Console, world: World, scope: str, only: str
):
    _survey(console, world, "operator of A, viewer of B", scope, only).check()


@pytest.mark.long
@pytest.mark.parametrize("name", [asker.name for asker in ASKERS if asker.signed_in])
@EVERY_KIND
def test_every_token_of_everybody_allows_what_both_do(
    console: Console, world: World, name: str, scope: str, only: str
):
    _survey(console, world, name, scope, only).check()


def test_a_token_is_refused_at_the_request_after_its_end(console: Console, world: World):
    address = f"/api/v1/vision/posts/{world.row('media.post', 'A').pk}"
    user = world.users["operator"]
    for end, expected in (
        (lambda token: revoke(token, now=timezone.now()), LOGIN),
        (
            lambda token: type(token).objects.filter(pk=token.pk).update(expiry=timezone.now()),
            LOGIN,
        ),
        (lambda _: Membership.objects.filter(user=user).delete(), FORBIDDEN),
        (lambda _: User.objects.filter(pk=user.pk).update(is_active=False), LOGIN),
    ):
        with taken_back():
            token, secret = token_of(user, scope="operate", tenant=None, name="t")
            assert _ask(console, "GET", address, secret).answer is DONE
            end(token)
            assert _ask(console, "GET", address, secret).answer is expected


def test_a_token_of_a_lowered_role_does_no_more_than_the_role(console: Console, world: World):
    user = world.users["operator of both"]
    with taken_back():
        _, secret = token_of(user, scope="operate", tenant=None, name="t")
        Membership.objects.filter(user=user).update(role="viewer")

        assert _ask(console, "GET", "/api/v1/storage/quota", secret).answer is DONE
        cleanup = _ask(console, "POST", "/api/v1/storage/cleanup", secret, {})
        assert cleanup.answer is FORBIDDEN


def test_nobody_revokes_or_makes_tokens_of_others(console: Console, world: World):
    survey = Survey(world)
    for asker in (one for one in ASKERS if one.admitted and one.roles.keys() == {"A"}):
        foreign = world.row("accounts.apitoken", "B")
        replies = [
            console.post(asker.name, "/admin/my-tokens/", {"revoke": key})
            for key in (foreign.pk, world.missing("accounts.apitoken"))
        ]
        survey.expect(asker, "revoke", replies[0], oracle.UNKNOWN)
        survey.equal((asker.name, "told from none"), replies[0].unlike(replies[1], "-", "-"), "")
        tenants = (world.tenants["B"].pk, world.missing("accounts.tenant"))
        form = {"token_id": uuid.UUID(int=8), "name": "n", "scope": "read", "days": 1}
        made = [
            console.post(asker.name, "/admin/my-tokens/", form | {"tenant": t}) for t in tenants
        ]
        survey.equal((asker.name, "made"), made[0].unlike(made[1], *tenants), "")

    survey.check()
