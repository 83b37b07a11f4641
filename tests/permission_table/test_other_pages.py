"""The addresses that are about no row: the door, the own account, and the console's own pages."""

import pytest

from tests.permission_table.asking import Console, Reply
from tests.permission_table.endpoints import ADDRESSES, ANYBODY, CONSOLE, OWN_ACCOUNT
from tests.permission_table.oracle import ASKERS, LOGIN, TENANTS, VIEW
from tests.permission_table.world import World

pytestmark = pytest.mark.django_db
PLAIN = [one for one, what in ADDRESSES.items() if not set("<(") & set(one)]
NOT_SHOWN = {302, 401, 403, 404, 405}


@pytest.mark.parametrize("what", [ANYBODY, OWN_ACCOUNT, CONSOLE])
def test_they_say_nothing_of_tenants_of_others(console: Console, world: World, what: str):
    for address in (one for one in PLAIN if ADDRESSES[one] == what):
        for asker in ASKERS:
            if asker.name in {"anonymous", "stranger", "viewer", "administrator"}:
                reply = _get(console, asker.name, address)
                for tenant in TENANTS:
                    if not asker.may(VIEW, tenant):
                        assert not reply.given_away(world.secrets[tenant]), (asker.name, address)


@pytest.mark.parametrize(
    "address", [one for one in PLAIN if ADDRESSES[one] in {OWN_ACCOUNT, CONSOLE}]
)
def test_who_is_not_signed_in_is_shown_nothing_of_an_account(console: Console, address: str):
    reply = _get(console, "anonymous", address)

    assert reply.status in NOT_SHOWN
    assert reply.status in {404, 405} or reply.answer is LOGIN


@pytest.mark.parametrize("page", ["remove", "edit"])
def test_a_passkey_of_somebody_else_is_like_one_that_is_not(
    console: Console, world: World, page: str
):
    from allauth.mfa.models import Authenticator  # noqa: PLC0415

    from tests.permission_table.undoing import taken_back  # noqa: PLC0415

    with taken_back():
        key = Authenticator.objects.create(
            user=world.users["viewer of B"],
            type="webauthn",
            data={"name": "quagga", "credential": {}},
        )
        replies = [
            console.get("viewer", f"/accounts/2fa/webauthn/keys/{pk}/{page}/")
            for pk in (key.pk, 77_777_777)
        ]

    assert replies[0].status in NOT_SHOWN
    assert replies[0].unlike(replies[1], "no name", "no name") == ""


def _get(console: Console, name: str, address: str) -> Reply:
    return console.get(name, f"/{address}")
