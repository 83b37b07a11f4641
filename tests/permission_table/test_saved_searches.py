"""Saved searches are their owner's alone; of what they match each sees the own tenants."""

from typing import Any

import pytest
from django.utils import timezone

from media.models import Post
from search.models import SavedSearch, SearchMatch
from tests.permission_table.asking import Console
from tests.permission_table.oracle import ASKERS, DONE, FORBIDDEN, LOGIN, TENANTS, UNKNOWN, VIEW
from tests.permission_table.survey import Survey
from tests.permission_table.undoing import taken_back
from tests.permission_table.world import WORDS, World

pytestmark = pytest.mark.django_db
API = "/api/v1/search/saved"
JSON = {"content_type": "application/json"}


@pytest.fixture
def kept(world: World) -> Any:
    """A search of somebody for each tenant, which has matched every post there is."""
    now = timezone.now()
    with taken_back():
        found = {
            name: SavedSearch.objects.create(
                user=world.users["viewer" if name == "A" else "viewer of B"],
                name=f"{WORDS[name]} name", text=WORDS[name], since=now, created_at=now,
            )
            for name in TENANTS
        }  # fmt: skip
        SearchMatch.objects.bulk_create(
            SearchMatch(saved_search=one, post=post, tenant_id=post.tenant_id, matched_at=now)
            for one in found.values()
            for post in Post.objects.all()
        )
        yield found


def test_nobody_but_the_owner_sees_or_changes_one(console: Console, world: World, kept: Any):
    survey = Survey(world)
    for asker in ASKERS:
        for whose, one in kept.items():
            own = asker.name == ("viewer" if whose == "A" else "viewer of B")
            expected = DONE if own else UNKNOWN if asker.admitted else _refused(asker)
            address = f"{API}/{one.pk}"
            for reply in (
                console.get(asker.name, address),
                console.get(asker.name, f"{address}/matches"),
                console.post(asker.name, f"{address}/seen", {}, **JSON),
            ):
                survey.expect(asker, (address, whose), reply, expected)
            page = console.get(asker.name, f"/admin/saved-searches/{one.pk}/")
            survey.expect(asker, ("page", whose), page, expected if asker.admitted else LOGIN)

    survey.check()


def test_lists_have_the_own_ones_with_matches_of_visible_tenants(
    console: Console, world: World, kept: Any
):
    survey = Survey(world)
    for asker in ASKERS:
        listed = console.get(asker.name, API)
        survey.expect(asker, "list", listed, DONE if asker.admitted else _refused(asker))
        survey.expect(
            asker, "page", console.get(asker.name, "/admin/saved-searches/"),
            DONE if asker.admitted else LOGIN,
        )  # fmt: skip
    for name, whose in (("viewer", "A"), ("viewer of B", "B")):
        reply = console.get(name, f"{API}/{kept[whose].pk}/matches?page_size=100")
        assert f'"total":{Post.objects.filter(tenant=world.tenants[whose]).count()}'.encode() in (
            reply.body.replace(b" ", b"")
        )

    survey.check()


def _refused(asker: Any) -> Any:
    return FORBIDDEN if asker.signed_in and asker.active else LOGIN


def test_whoever_may_see_nothing_saves_nothing(console: Console, world: World):
    for asker in ASKERS:
        reply = console.post(asker.name, API, {"q": "anything"}, **JSON)
        may = any(asker.may(VIEW, one) for one in TENANTS)
        assert reply.status == 201 if may else reply.answer is _refused(asker)
