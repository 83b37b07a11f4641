"""What members of A are shown does not depend on what B has, whatever they put into addresses."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.db.models import Model

from tests.permission_table.asking import Console, Reply, address_of
from tests.permission_table.oracle import DONE, KINDS, NOBODY, TENANTS
from tests.permission_table.survey import Survey
from tests.permission_table.undoing import taken_back
from tests.permission_table.world import WORDS, World, fill

pytestmark = pytest.mark.django_db
OF_A = ("viewer", "operator", "administrator")
PLACES = (
    "/admin/", "/admin/media/", "/admin/vision/", "/admin/events/", "/admin/accounts/",
    "/admin/my-settings/", "/admin/graph/", "/health", "/api/v1/vision/posts", "/api/v1/vision/stats", "/api/schema/",
)  # fmt: skip


def _addresses(world: World) -> Iterator[str]:
    """Every page that somebody of A may look at: lists, the rows of A, and the places above."""
    yield from PLACES
    for kind, rule in KINDS.items():
        if not rule.shared and kind != "accounts.browsersession":  # it tells the time of this look
            yield address_of(kind, "list")
            yield address_of(kind, "look", world.row(kind, "A").pk)
    yield f"/api/v1/storage/usage/{world.tenants['A'].pk}"
    yield f"/api/v1/vision/posts?{urlencode({'q': WORDS['A']})}"
    for metric in ("views", "reactions"):
        yield f"/api/v1/growth?day=2026-11-22&by={metric}"
        yield f"/admin/growth/?day=2026-11-22&by={metric}"
    yield f"/api/v1/search?{urlencode({'q': WORDS['A']})}"
    yield f"/admin/find/?{urlencode({'q': WORDS['A']})}"
    post = world.row("media.post", "A").pk
    yield from (f"/api/v1/search/similar?post={post}", f"/admin/find/?like={post}")


@pytest.mark.parametrize("name", ["administrator"])
def test_nothing_of_a_page_depends_on_what_another_tenant_has(
    console: Console, world: World, name: str
):
    """Counts, sums, filters, choices, order: all as before when B has twice as much."""
    survey = Survey(world)
    before = {address: console.get(name, address) for address in _addresses(world)}
    body = {"tenant_id": str(world.tenants["A"].pk), "size_bytes": 1, "content_type": "media"}
    forecast = _check(console, name, body)

    with taken_back():
        fill(world.tenants["B"], "okapi", days_later=1)
        for address, reply in before.items():
            again = console.get(name, address)
            survey.equal((name, address), again.unlike(reply, "no name", "no name"), "")
        survey.equal((name, "forecast"), _check(console, name, body).unlike(forecast, "-", "-"), "")

    survey.check()


def _check(console: Console, name: str, body: dict[str, Any]) -> Reply:
    address = "/api/v1/storage/quota/check"
    return console.post(name, address, body, content_type="application/json")


def _lookups(model: type[Model], row: Model, other: Model) -> Iterator[dict[str, str]]:
    """Queries of a list that name a row or a text of the other tenant."""
    names = ("tenant__id__exact", "channel__id__exact", "run__id__exact", "user__id__exact")
    for field, name in ((name.partition("__")[0], name) for name in names):
        if any(one.name == field for one in model._meta.fields):
            yield {name: str(getattr(row, f"{field}_id"))}
    yield {f"{model._meta.pk.name}__exact": str(row.pk)}
    yield {"q": str(row.pk)}
    yield {"q": WORDS["B"]} if row is not other else {"q": "none"}
    yield {"tenant__name__startswith": "quag"}
    yield {"user__password__startswith": "pbkdf2"}


@pytest.mark.sampled(12)
@pytest.mark.parametrize("kind", [name for name, rule in KINDS.items() if not rule.shared])
def test_a_list_asked_for_foreign_rows_answers_as_for_none(
    console: Console, world: World, kind: str
):
    survey = Survey(world)
    row = world.row(kind, "B")
    for query in _lookups(type(row), row, world.row(kind, "A")):
        reply = console.get("administrator", f"{address_of(kind, 'list')}?{urlencode(query)}")
        told = reply.given_away(world.secrets["B"])
        survey.equal((kind, query), told, set())
        survey.equal((kind, query), reply.status in {200, 302, 400, 404}, True)

    survey.check()


ODD = ("_facets=1", "_popup=1", "_to_field=id", "all=", "o=-1.2", "p=2", "e=1", "error_code=x")


@pytest.mark.long
@pytest.mark.sampled(12)
@pytest.mark.parametrize("kind", [name for name, rule in KINDS.items() if not rule.shared])
def test_no_list_tells_of_others_however_it_is_asked_for(console: Console, world: World, kind: str):
    """All filters with all their choices, orders, dates and odd parameters, by each role of A."""
    survey = Survey(world)
    for name in OF_A:
        queries = [*ODD, *_filters(console, kind)]
        for query in queries:
            reply = console.get(name, f"{address_of(kind, 'list')}?{query}")
            survey.equal((name, kind, query), reply.given_away(world.secrets["B"]), set())

    survey.check()


def _filters(console: Console, kind: str) -> list[str]:
    """What the filters of the superuser's list offer: choices of both tenants."""
    import re  # noqa: PLC0415

    body = console.get("superuser", address_of(kind, "list")).body.decode()
    found = re.findall(r'href="\?([^"]+)"', body)
    return sorted({one.replace("&amp;", "&") for one in found})


@pytest.mark.parametrize("name", OF_A)
def test_no_field_completes_the_names_of_others(console: Console, world: World, name: str):
    survey = Survey(world)
    for model in admin.site._registry:
        for field in model._meta.fields:
            if field.is_relation and not field.auto_created:
                query = {
                    "app_label": model._meta.app_label, "model_name": model._meta.model_name,
                    "field_name": field.name, "term": "",
                }  # fmt: skip
                reply = console.get(name, f"/admin/autocomplete/?{urlencode(query)}")
                told = reply.given_away(world.secrets["B"])
                survey.equal((name, str(field)), told, set())
                survey.equal((name, str(field)), reply.status in {200, 403, 404}, True)

    survey.check()


def test_a_filter_of_the_api_by_a_foreign_channel_answers_as_by_none(
    console: Console, world: World
):
    survey = Survey(world)
    missing = world.missing("media.channel")
    for name in OF_A:
        for query in ("channel_id", "q"):
            foreign = {"channel_id": world.row("media.channel", "B").pk, "q": WORDS["B"]}[query]
            none = {"channel_id": missing, "q": "nowhere"}[query]
            replies = [
                console.get(name, f"/api/v1/vision/posts?{query}={value}")
                for value in (foreign, none)
            ]
            survey.equal((name, query), replies[0].unlike(replies[1], foreign, none), "")
            survey.equal((name, query), replies[0].answer, DONE)

    survey.check()


def test_names_of_others_are_refused_as_names_of_nobody(console: Console, world: World):
    """The form of a new member names a tenant: one of others and one of nobody are the same."""
    survey = Survey(world)
    form = {"user": world.users["stranger"].username, "role": "viewer"}
    address = address_of("accounts.membership", "add")
    replies = {
        whose: console.post("administrator", address, form | {"tenant": _tenant(world, whose)})
        for whose in ("B", NOBODY, "A")  # the one that is done is told on the next page
    }
    told = replies["B"].unlike(replies[NOBODY], _tenant(world, "B"), _tenant(world, NOBODY))

    survey.equal("own", replies["A"].status, 302)
    survey.equal("foreign", told, "")
    survey.check()


def _tenant(world: World, whose: str) -> Any:
    return world.tenants[whose].pk if whose in TENANTS else world.missing("accounts.tenant")
