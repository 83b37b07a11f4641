"""A session that ended, a member removed, a role lowered, an account closed: refused at once."""

from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session

from accounts.models import Membership
from tests.permission_table.asking import Console, address_of
from tests.permission_table.oracle import DONE, FORBIDDEN, LOGIN, UNKNOWN
from tests.permission_table.undoing import taken_back
from tests.permission_table.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def console(world: World) -> Console:
    """Browsers of this test only: a session that is refused is forgotten by its browser."""
    return Console(world)


def _members(world: World, name: str):
    return Membership.objects.filter(user=world.users[name])


def _close(world: World) -> None:
    world.users["operator"]._meta.model.objects.filter(username__startswith="operator aard").update(
        is_active=False
    )


def _new_password(world: World) -> None:
    user = world.users["operator"]._meta.model.objects.get(pk=world.users["operator"].pk)
    user.set_password("another one, 4 u")
    user.save()


CHANGES: dict[str, Callable[[World], object]] = {
    "removed": lambda world: _members(world, "operator").delete(),
    "closed": _close,
    "sessions ended": lambda world: Session.objects.all().delete(),
    "new password": _new_password,
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("change", CHANGES)
def test_who_may_nothing_any_more_is_refused_at_the_next_request(
    console: Console, world: World, change: str
):
    post = world.row("media.post", "A").pk
    page, endpoint = address_of("media.post", "look", post), f"/api/v1/vision/posts/{post}"
    picture = address_of("media.mediaobject", "content", world.row("media.mediaobject", "A").pk)
    assert console.get("operator", page).answer is DONE

    with taken_back():
        CHANGES[change](world)

        assert console.get("operator", page).answer is LOGIN
        assert console.get("operator", picture).answer is LOGIN
        refused = FORBIDDEN if change == "removed" else LOGIN
        assert console.get("operator", endpoint).answer is refused


def test_whose_role_is_lowered_does_no_more_than_the_new_one(console: Console, world: World):
    channel = address_of("media.channel", "look", world.row("media.channel", "A").pk)

    with taken_back():
        assert console.ask("operator", "POST", channel, {"username": "before"}).answer is DONE
        _members(world, "operator").update(role="viewer")

        assert console.ask("operator", "POST", channel, {"username": "after"}).answer is FORBIDDEN
        assert console.get("operator", channel).answer is DONE
        world.row("media.channel", "A").refresh_from_db()
        assert world.row("media.channel", "A").username == "before"
    world.row("media.channel", "A").refresh_from_db()


def test_who_is_moved_to_another_tenant_knows_nothing_of_the_first(console: Console, world: World):
    first, second = (address_of("media.post", "look", world.row("media.post", w).pk) for w in "AB")

    with taken_back():
        _members(world, "viewer").update(tenant=world.tenants["B"])

        assert console.get("viewer", first).answer is UNKNOWN
        assert console.get("viewer", second).answer is DONE


def test_a_new_tenant_takes_the_rights_to_what_all_share_from_whoever_is_not_in_it(
    console: Console, world: World
):
    from tests import factories as make  # noqa: PLC0415

    assert console.get("operator of both", "/api/v1/storage/quota").answer is DONE

    with taken_back():
        make.tenant()

        assert console.get("operator of both", "/api/v1/storage/quota").answer is FORBIDDEN
