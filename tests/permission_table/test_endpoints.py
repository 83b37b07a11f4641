"""The API, media files, metrics and health, by everybody, about own, foreign and missing things."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.permission_table import oracle
from tests.permission_table.asking import Console, Reply, address_of
from tests.permission_table.endpoints import CALLS, Call
from tests.permission_table.oracle import (
    ALL,
    ASKERS,
    DONE,
    FEW,
    FOUR_KINDS,
    LOGIN,
    NOBODY,
    OPERATE,
    TENANTS,
    UNKNOWN,
    VIEW,
    Asker,
)
from tests.permission_table.survey import Survey
from tests.permission_table.world import SHARED_PICTURE, WORDS, World

pytestmark = pytest.mark.django_db
JSON = "application/json"


def _call(console: Console, world: World, asker: Asker, call: Call, whose: str) -> Reply:
    more: dict[str, Any] = {"content_type": JSON} if call.method == "POST" else {}
    data = call.body(world, whose)
    if call.method == "DELETE":
        return console.delete(asker.name, call.address(world, whose))
    address = call.address(world, whose)
    if call.method == "POST":
        return console.post(asker.name, address, data, **more)
    return console.get(asker.name, address)


@pytest.mark.sampled(9)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_each_endpoint_answers_as_the_table_says(console: Console, world: World, call: Call):
    survey = Survey(world)
    for asker in ASKERS:
        replies = {}
        for whose in call.rule.whose:
            reply = replies[whose] = _call(console, world, asker, call, whose)
            expected = oracle.endpoint(asker, call.rule, whose)
            survey.expect(asker, (call.name, whose), reply, expected)
        for whose in set(replies) & set(TENANTS):
            if not asker.may(VIEW, whose):
                named = [_named(call, world, one) for one in (whose, NOBODY)]
                told = replies[whose].unlike(replies[NOBODY], *named)
                survey.equal((asker.name, call.name, whose, "is told from none"), told, "")

    survey.check()


def _named(call: Call, world: World, whose: str) -> str:
    return call.address(world, whose).rpartition("/")[2].partition("?")[0]


@pytest.mark.parametrize("page", ["thumbnail", "content"])
def test_a_file_is_shown_to_members_only(console: Console, world: World, page: str):
    survey = Survey(world)
    for asker in ASKERS:
        for whose in (*TENANTS, NOBODY):
            kind = "media.mediaobject"
            key = world.missing(kind) if whose == NOBODY else world.row(kind, whose).pk
            reply = console.get(asker.name, address_of(kind, page, key))
            seen = DONE if asker.may(VIEW, whose) else UNKNOWN
            survey.expect(asker, (page, whose), reply, seen if asker.admitted else LOGIN)
            if not asker.may(VIEW, whose):
                assert whose == NOBODY or "ETag" not in reply.headers

    survey.check()


def test_whoever_may_not_see_a_file_is_not_told_that_his_copy_is_still_good(
    console: Console, world: World
):
    address = address_of("media.mediaobject", "content", world.row("media.mediaobject", "B").pk)
    tag = console.get("viewer of B", address).headers["ETag"]

    assert console.get("viewer of B", address, headers={"If-None-Match": tag}).status == 304
    assert console.get("viewer", address, headers={"If-None-Match": tag}).status == 404


def test_lists_and_sums_have_the_rows_of_ones_own_tenants(console: Console, world: World):
    from vision.models import PostEnrichment  # noqa: PLC0415

    survey = Survey(world)
    for asker in ASKERS:
        seen = [world.tenants[one].pk for one in TENANTS if asker.may(VIEW, one)]
        count = PostEnrichment.objects.filter(tenant__in=seen).count()
        for address, name in (("posts", "total"), ("stats", "total_analyzed")):
            reply = console.get(asker.name, f"/api/v1/vision/{address}")
            may = oracle.endpoint(asker, oracle.Endpoint(None), ALL)
            expected = may if seen or may is LOGIN else oracle.FORBIDDEN
            survey.expect(asker, address, reply, expected)
            if seen:
                survey.equal((asker.name, address), _json(reply)[name], count)

    survey.check()


def test_the_search_has_the_posts_of_ones_own_tenants(console: Console, world: World):
    """Conditions alone select every post; words, those that have them."""
    from media.models import Post  # noqa: PLC0415

    survey = Survey(world)
    for asker in ASKERS:
        seen = [world.tenants[one].pk for one in TENANTS if asker.may(VIEW, one)]
        posts = Post.objects.filter(tenant__in=seen)
        ids = {str(pk) for pk in posts.values_list("pk", flat=True)}
        alone = posts.filter(album_item=None).count()
        albums = posts.exclude(album_item=None).values("album_item__group").distinct().count()
        may = oracle.endpoint(asker, oracle.Endpoint(None), ALL)
        expected = may if seen or may is LOGIN else oracle.FORBIDDEN
        for query in ("since:1970", f"{WORDS['A']} {WORDS['B']}", f"channel:{WORDS['B']}"):
            reply = console.get(asker.name, f"/api/v1/search?{urlencode({'q': query})}&limit=100")
            survey.expect(asker, query, reply, expected)
            found = {hit["post_id"] for hit in _json(reply)["hits"]} if seen else set()
            survey.equal((asker.name, query, "foreign"), found - ids, set())
            if query == "since:1970":
                survey.equal((asker.name, query), len(found), alone + albums)

    survey.check()


def test_posts_files_and_channels_are_those_of_ones_own_tenants(console: Console, world: World):
    """Without filters, and with such as name a foreign tenant or channel."""
    survey = Survey(world)
    for asker in ASKERS:
        seen = [world.tenants[one].pk for one in TENANTS if asker.may(VIEW, one)]
        may = oracle.endpoint(asker, oracle.Endpoint(None), ALL)
        expected = may if seen or may is LOGIN else oracle.FORBIDDEN
        for name, model in _listed().items():
            own = {
                str(pk) for pk in model.objects.filter(tenant__in=seen).values_list("pk", flat=True)
            }
            for query, rows in _filters(world, name, own):
                reply = console.get(asker.name, f"/api/v1/{name}?page_size=100{query}")
                survey.expect(asker, (name, query), reply, expected)
                found = {str(row["id"]) for row in _json(reply)["results"]} if seen else set()
                survey.equal((asker.name, name, query), found, rows if seen else set())

    survey.check()


def test_tags_proposals_and_rules_are_those_of_ones_own_tenants(console: Console, world: World):
    from vision.models import PostTag, Tag, TagRule  # noqa: PLC0415

    survey = Survey(world)
    lists = (("tags", Tag), ("tags/proposals", PostTag), ("tags/rules", TagRule))
    for asker in ASKERS:
        seen = [world.tenants[one].pk for one in TENANTS if asker.may(VIEW, one)]
        may = oracle.endpoint(asker, oracle.Endpoint(None), ALL)
        expected = may if seen or may is LOGIN else oracle.FORBIDDEN
        for name, model in lists:
            own = {
                str(pk) for pk in model.objects.filter(tenant__in=seen).values_list("pk", flat=True)
            }
            reply = console.get(asker.name, f"/api/v1/{name}?page_size=100")
            survey.expect(asker, name, reply, expected)
            if seen:
                told = _json(reply)
                rows = told if isinstance(told, list) else told["results"]
                survey.equal((asker.name, name), {row["id"] for row in rows}, own)
        foreign = console.get(asker.name, f"/api/v1/tags?tenant_id={world.tenants['B'].pk}")
        if seen and not asker.may(VIEW, "B"):
            survey.equal((asker.name, "tags of a tenant"), _json(foreign)["results"], [])

    survey.check()


def _listed() -> dict[str, Any]:
    from albums.models import MediaGroup  # noqa: PLC0415
    from media.models import Channel, Post  # noqa: PLC0415

    return {"posts": Post, "channels": Channel, "albums": MediaGroup}


def _filters(world: World, name: str, own: set[str]) -> list[tuple[str, set[str]]]:
    model, found = _listed()[name], [("", own)]
    for whose in TENANTS:
        tenant, channel = world.tenants[whose], world.row("media.channel", whose)
        rows = {str(pk) for pk in model.objects.filter(tenant=tenant).values_list("pk", flat=True)}
        found.append((f"&tenant_id={tenant.pk}", rows & own))
        if name != "channels":
            rows = model.objects.filter(channel=channel).values_list("pk", flat=True)
            found.append((f"&channel_id={channel.pk}", {str(pk) for pk in rows} & own))
    return found


def test_articles_are_those_of_ones_own_tenants(console: Console, world: World):
    """Without filters, and with such as name a foreign tenant or post."""
    survey = Survey(world)
    for asker in ASKERS:
        seen = [whose for whose in TENANTS if asker.may(VIEW, whose)]
        may = oracle.endpoint(asker, oracle.Endpoint(None), ALL)
        expected = may if seen or may is LOGIN else oracle.FORBIDDEN
        asked = [("", seen)]
        for whose in TENANTS:
            post, tenant = world.row("media.post", whose), world.tenants[whose]
            only = [one for one in seen if one == whose]
            asked += [(f"?post_id={post.pk}", only), (f"?tenant_id={tenant.pk}", only)]
        for query, owners in asked:
            reply = console.get(asker.name, f"/api/v1/articles{query}")
            survey.expect(asker, query, reply, expected)
            rows = {str(world.row("crawl.crawledpage", one).pk) for one in owners}
            found = {row["id"] for row in _json(reply)["results"]} if seen else set()
            survey.equal((asker.name, query), found, rows)

    survey.check()


def test_of_a_picture_that_both_have_each_gets_the_own_analysis(console: Console, world: World):
    import hashlib  # noqa: PLC0415

    address = f"/api/v1/vision/media/{hashlib.sha256(SHARED_PICTURE).hexdigest()}"

    for name, whose, other in (("viewer", "A", "B"), ("viewer of B", "B", "A")):
        own, foreign = (world.tenants[one].pk for one in (whose, other))
        reply = console.get(name, address)
        assert reply.status in {200, 404}
        assert not reply.given_away(world.secrets[other])
        assert console.get(name, f"{address}?tenant_id={own}").status == reply.status
        assert console.get(name, f"{address}?tenant_id={foreign}").status == 404


def test_the_console_shows_of_a_tenant_what_the_api_does(console: Console, world: World):
    """Post by post: what one door shows to somebody, the other does as well."""
    survey = Survey(world)
    for asker in (one for one in ASKERS if one.name in {*FEW, *FOUR_KINDS}):
        for whose in TENANTS:
            doors = {
                "post": ("media.post", f"/api/v1/vision/posts/{world.row('media.post', whose).pk}"),
                "usage": (
                    "storage_quota.tenantusage",
                    f"/api/v1/storage/usage/{world.tenants[whose].pk}",
                ),
            }
            for name, (kind, address) in doors.items():
                by_console = console.get(
                    asker.name, address_of(kind, "look", world.row(kind, whose).pk)
                )
                by_api = console.get(asker.name, address)
                survey.equal(
                    (asker.name, name, whose),
                    by_console.answer is DONE,
                    by_api.answer is DONE,
                )

    survey.check()


def test_only_whoever_operates_everything_gets_to_the_cleanup(console: Console, world: World):
    survey = Survey(world)
    for asker in ASKERS:
        expected = DONE if asker.may(OPERATE, ALL) else oracle.FORBIDDEN
        reply = console.get(asker.name, "/admin/storage_quota/tenantusage/cleanup/")
        survey.expect(asker, "cleanup", reply, expected if asker.admitted else LOGIN)

    survey.check()


def _json(reply: Reply) -> Any:
    import json  # noqa: PLC0415

    return json.loads(reply.body)
