"""The console's pages: what they show, who may see them, and that they stay cheap."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.translation import override

from albums.models import MediaGroup
from events import console
from events.console import list_of, page_of
from events.models import DeadLetter, Delivery, DeliveryState, OutboxEvent
from media.models import Channel, ImportProblem, ImportRun, MediaObject, MediaRole, Post
from storage_quota.models import IntegrityCheck
from tests import factories as make
from vision.models import PictureDistinction, PictureHash, PostEnrichment

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def console_client(client: Client) -> Client:
    client.force_login(get_user_model().objects.create_superuser("admin"))
    return client


def _html(client: Client, address: str, **query) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200, answer.headers
    return answer.content.decode()


def _queries(client: Client, address: str) -> int:
    client.get(address)  # content types and the like are read once per process
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def _full_post(of: Channel | None = None, *, pictures: int = 1) -> Post:
    """A post with everything a page can show."""
    of = of or make.channel()
    media = [make.media_object(owner=of.tenant) for _ in range(pictures)]
    post = make.post(of=of, media=media, urls=["https://example.org"], reactions=[])
    make.enrichment(post, decisions=[make.decision(one) for one in media])
    return post


def _album(pictures: int = 1) -> MediaGroup:
    of = make.channel()
    media = [make.media_object(owner=of.tenant) for _ in range(pictures)]
    group = make.album(of=of, pictures=media, meta={"enrichment": {"vision_labels": ["a"]}})
    for item in group.items.all():
        make.enrichment(item.post)
    return group


def _event(deliveries: int = 1) -> OutboxEvent:
    event = make.event()
    for _ in range(deliveries):
        make.delivery(of=event)
    return event


def _shown_by(posts: int) -> MediaObject:
    media = make.media_object()
    for _ in range(posts):
        make.post(of=make.channel(owner=media.tenant), media=[media])
    return media


def _channel_with(posts: int) -> Channel:
    of = make.channel()
    for _ in range(posts):
        make.post(of=of)
    return of


FILLERS: dict[type, Callable[[], object]] = {
    Channel: lambda: make.post(of=make.channel()),
    Post: _full_post,
    MediaObject: _full_post,
    ImportRun: lambda: make.import_run(problems=2),
    ImportProblem: lambda: make.import_run(problems=1),
    MediaGroup: _album,
    PostEnrichment: _full_post,
    PictureHash: make.near_duplicate,
    PictureDistinction: make.distinction,
    OutboxEvent: _event,
    Delivery: _event,
    DeadLetter: make.dead_letter,
}

PAGES: dict[str, Callable[[int], object]] = {
    "channel": _channel_with,
    "post": lambda n: _full_post(pictures=n),
    "media object": _shown_by,
    "import": lambda n: make.import_run(problems=n),
    "album": _album,
    "enrichment": lambda n: _full_post(pictures=n).enrichments.get(),
    "event": _event,
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("model", FILLERS, ids=lambda model: model.__name__)
def test_a_list_of_twenty_costs_the_queries_of_a_list_of_one(console_client, model):
    FILLERS[model]()
    one = _queries(console_client, list_of(model))

    for _ in range(19):
        FILLERS[model]()
    twenty = _queries(console_client, list_of(model))

    assert model.objects.count() >= 20
    assert twenty == one
    assert twenty <= 16


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_twenty_parts_costs_the_queries_of_a_page_with_one(console_client, page):
    small, big = PAGES[page](1), PAGES[page](20)

    cost = _queries(console_client, page_of(type(small), small.pk))

    assert _queries(console_client, page_of(type(big), big.pk)) == cost
    assert cost <= 16


@pytest.mark.parametrize("model", FILLERS, ids=lambda model: model.__name__)
def test_what_the_pipeline_owns_cannot_be_edited(console_client, model):
    FILLERS[model]()
    meta, row = (
        model._meta,
        model.objects.last(),
    )  # the first hash is no duplicate, so no page has it
    names = f"admin:{meta.app_label}_{meta.model_name}"

    assert console_client.get(reverse(f"{names}_add")).status_code == 403
    assert console_client.post(reverse(f"{names}_delete", args=[row.pk])).status_code == 403
    if model is not Channel:
        assert console_client.post(page_of(model, row.pk), {}).status_code == 403


@pytest.mark.sampled(16)
@pytest.mark.parametrize("model", FILLERS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("term", ["abc", "123", "'); --", "99999999999999999999", "a\0b", "-", '"'])
def test_no_search_ends_in_an_error(console_client, model, term):
    FILLERS[model]()

    assert console_client.get(list_of(model), {"q": term}).status_code in {200, 302}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("model", FILLERS, ids=lambda model: model.__name__)
def test_every_filter_of_a_list_works_and_empty_lists_are_shown(console_client, model):
    model_admin = admin.site.get_model_admin(model)
    assert console_client.get(list_of(model)).status_code == 200
    FILLERS[model]()
    request = console_client.get(list_of(model)).wsgi_request

    changes = model_admin.get_changelist_instance(request)
    for spec in changes.filter_specs:
        for choice in spec.choices(changes):
            address = f"{list_of(model)}{choice['query_string']}"
            assert console_client.get(address).status_code == 200, address


def test_only_the_switch_of_a_channel_can_be_edited(console_client):
    of = make.channel(title="Alice's")

    console_client.post(page_of(Channel, of.pk), {"title": "Bob's"})

    of.refresh_from_db()
    assert (of.is_active, of.title) == (False, "Alice's")


def test_a_channel_leads_to_its_posts(console_client):
    of = make.channel()
    make.post(of=of)
    make.post(of=of)
    make.post()

    page = _html(console_client, list_of(Channel))
    posts = _html(console_client, list_of(Post), channel__id__exact=of.pk)

    assert f"channel__id__exact={of.pk}" in page
    assert posts.count('class="field-words"') == 2


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("велосипед", True),
        ("велосипедами", True),
        ("РЕКИ", True),
        ("running", True),
        ('"вдоль реки"', True),
        ('"реки вдоль"', False),
        ("велосипед -бег", True),
        ("велосипед -река", False),
        ("трамвай", False),
        ("трамвай or велосипед", True),
        ("4711", True),
        ("#4711", True),
        ("https://t.me/alice/4711", True),
        ("t.me/s/alice/4711?single", True),
        ("https://t.me/c/77/4711", True),
        ("https://t.me/bob/4711", False),
        ("https://t.me/c/78/4711", False),
        ("4712", False),
    ],
)
def test_posts_are_found_by_any_form_of_a_word_and_by_message_id(console_client, term, found):
    make.post(
        of=make.channel(username="Alice", tg_channel_id=-1_000_000_000_077),
        content="Велосипеды ехали вдоль реки, he runs",
        telegram_message_id=4711,
    )

    page = _html(console_client, list_of(Post), q=term)

    assert ("Велосипеды ехали" in page) is found


def test_the_search_uses_the_index_of_words(console_client):
    make.post()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    request = console_client.get(list_of(Post)).wsgi_request
    posts, _ = admin.site.get_model_admin(Post).get_search_results(
        request, Post.objects.order_by(), "река"
    )

    plan = posts.explain()
    assert "idx_posts_content_words" in plan
    assert "Limit" in plan  # the words are found first, whatever the list is sorted by


def test_a_post_shows_why_each_picture_was_read_or_skipped(console_client):
    of = make.channel()
    read, skipped = make.media_object(owner=of.tenant), make.media_object(owner=of.tenant)
    post = make.post(of=of, media=[read, skipped])
    make.enrichment(
        post,
        vision_ocr_text="Расписание трамвая",
        decisions=[
            make.decision(read, from_cache=True),
            make.decision(skipped, outcome="skipped", reason="image_too_large", skip=True),
        ],
    )

    page = _html(console_client, page_of(Post, post.pk))

    assert "Расписание трамвая" in page
    assert "image_too_large" in page
    assert "vision_not_configured" in page
    assert reverse("admin:media_mediaobject_thumbnail", args=[skipped.pk]) in page
    assert skipped.file_sha256[:12] in page


def test_a_post_leads_to_telegram_its_album_and_the_post_it_answers(console_client):
    group = _album(2)
    post = group.items.last().post
    first = group.items.first().post
    Post.objects.filter(pk=post.pk).update(reply_to_message_id=first.telegram_message_id)

    page = _html(console_client, page_of(Post, post.pk))

    assert f'href="{post.telegram_post_url}"' in page
    assert page_of(MediaGroup, group.pk) in page
    assert page_of(Post, first.pk) in page


@pytest.mark.costly
def test_what_people_wrote_is_shown_as_text(console_client):
    of = make.channel(title=SCRIPT)
    media = make.media_object(owner=of.tenant)
    post = make.post(
        of=of,
        media=[media],
        content=SCRIPT,
        urls=["javascript:alert(1)", SCRIPT],
        telegram_post_url="javascript:alert(1)",
        hashtags=[SCRIPT],
        mentions=[SCRIPT],
        media_name=SCRIPT,
        forward_from_name=SCRIPT,
        extra={"poll": SCRIPT},
        reactions=[{"kind": "emoji", "value": SCRIPT, "count": 1}],
    )
    hostile = make.decision(media, reason=SCRIPT, details=SCRIPT, outcome=SCRIPT, prompt_key=SCRIPT)
    seen = make.enrichment(
        post,
        vision_ocr_text=SCRIPT,
        vision_description=SCRIPT,
        decisions=[hostile],
        vision_classification={"type": SCRIPT, "tags": [SCRIPT]},
        s3_media_keys=[SCRIPT],
    )
    summary = {"vision_summary": SCRIPT, "vision_labels": [SCRIPT], "ocr_text": SCRIPT}
    group = make.album(of=of, pictures=[media], caption_text=SCRIPT, meta={"enrichment": summary})
    letter = make.dead_letter(
        of=make.event(payload={"text": SCRIPT}, trace_id=SCRIPT),
        error_details=SCRIPT,
        error_trace=SCRIPT,
    )
    run = make.import_run(path=SCRIPT)
    problem = ImportProblem.objects.create(run=run, code="x", detail=SCRIPT)
    rows = [of, media, post, seen, group, letter, letter.event, run, problem]

    for row in rows:
        for page in (page_of(type(row), row.pk), list_of(type(row))):
            html = _html(console_client, page)
            assert SCRIPT not in html, page
            assert 'href="javascript:' not in html, page


def test_an_album_shows_its_pictures_in_the_order_of_positions(console_client):
    of = make.channel()
    media = [make.media_object(owner=of.tenant) for _ in range(3)]
    group = make.album(of=of, pictures=[])
    for position, one in ((2, media[0]), (0, media[1]), (1, media[2])):
        item = make.album_item(group, one, position=position)
        make.enrichment(item.post, vision_ocr_text=f"text at {position}")

    page = _html(console_client, page_of(MediaGroup, group.pk))

    thumbnails = [reverse("admin:media_mediaobject_thumbnail", args=[m.pk]) for m in media]
    order = sorted(thumbnails, key=page.index)
    assert order == [thumbnails[1], thumbnails[2], thumbnails[0]]
    assert page.index("text at 0") < page.index("text at 1") < page.index("text at 2")


def test_an_item_without_a_file_says_what_became_of_it(console_client):
    group = make.album(pictures=[])
    lost = make.post(of=group.channel, media_state="not_included", has_media=True)
    group.items.create(post=lost, position=0, media_kind="photo")

    page = _html(console_client, page_of(MediaGroup, group.pk))

    assert lost.get_media_state_display() in page


def test_an_assembled_album_shows_its_summary(console_client):
    media = make.media_object()
    summary = {
        "items_count": 2,
        "items_analyzed": 1,
        "vision_summary": "Two trams",
        "vision_labels": ["tram"],
        "ocr_text": "№ 5",
        "first_analyzed_at": "2026-11-21T09:00:00+00:00",
        "last_analyzed_at": None,
    }
    of = make.channel(owner=media.tenant)
    group = make.album(of=of, pictures=[media], meta={"enrichment": summary})

    page = _html(console_client, page_of(MediaGroup, group.pk))

    assert "Two trams" in page
    assert "№ 5" in page
    assert '<span class="console-mark">tram</span>' in page
    assert "12:00" in page  # Moscow time


def _replay(client: Client, model: type, rows, *, query: str = "", **fields) -> str:
    form = {"action": "replay", "_selected_action": [row.pk for row in rows], "index": 0}
    answer = client.post(list_of(model, query), form | fields, follow=True)
    return answer.content.decode()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_two_lists_have_one_name(language, rf):
    request = rf.get("/")
    request.user = get_user_model().objects.create_superuser("admin")

    with override(language):
        apps = admin.site.get_app_list(request)
        names = [str(name) for app in apps for name in (app["name"], *_names(app))]

    assert len(names) == len(set(names)), names


def _names(app: dict[str, Any]) -> list[str]:
    return [model["name"] for model in app["models"] if model["name"] != app["name"]]


def test_chosen_dead_letters_are_delivered_again(console_client):
    chosen, other = make.dead_letter(), make.dead_letter()

    _replay(console_client, DeadLetter, [chosen])

    chosen.refresh_from_db()
    other.refresh_from_db()
    assert (chosen.state, chosen.attempts) == (DeliveryState.PENDING, 0)
    assert other.state == DeliveryState.DEAD


def test_everything_that_matches_the_filter_is_delivered_again(console_client, monkeypatch):
    monkeypatch.setattr(admin.site.get_model_admin(Delivery), "list_per_page", 2)
    matching = [make.dead_letter(error_code="timeout") for _ in range(5)]
    other = make.dead_letter(error_code="s3_missing")

    _replay(console_client, Delivery, matching[:1], query="error_code=timeout", select_across="1")

    states = Delivery.objects.filter(error_code="timeout").values_list("state", flat=True)
    assert set(states) == {DeliveryState.PENDING}
    other.refresh_from_db()
    assert other.state == DeliveryState.DEAD


def test_who_may_only_look_cannot_replay(client):
    owner = make.tenant()
    letter = make.dead_letter(of=make.event(tenant_id=str(owner.pk)))
    client.force_login(make.member("viewer", owner))

    assert 'value="replay"' not in _html(client, list_of(DeadLetter))
    _replay(client, DeadLetter, [letter])

    letter.refresh_from_db()
    assert letter.state == DeliveryState.DEAD


def test_the_error_of_a_dead_letter_and_its_event_stand_on_one_page(console_client):
    letter = make.dead_letter(of=make.event(payload={"post_id": "p-17"}, trace_id="trace-x"))

    page = _html(console_client, page_of(DeadLetter, letter.pk))

    assert "Tesseract ended with 1" in page
    assert "p-17" in page
    assert f'href="{list_of(OutboxEvent, "q=trace-x")}"' in page


def test_an_import_shows_its_problems_and_leads_to_all_of_them(console_client):
    run = make.import_run(problems=60)
    make.import_run(problems=1)

    page = _html(console_client, page_of(ImportRun, run.pk))
    problems = _html(console_client, list_of(ImportProblem), run__id__exact=run.pk)

    assert page.count("missing_file") == 50
    assert f"run__id__exact={run.pk}" in page
    assert "Всего: 60" in problems


def test_a_media_object_is_found_by_the_beginning_of_its_hash(console_client):
    media, other = make.media_object(), make.media_object()

    page = _html(console_client, list_of(MediaObject), q=media.file_sha256[:10])

    assert media.file_sha256[:12] in page
    assert other.file_sha256[:12] not in page


def test_the_still_of_a_video_is_not_taken_for_the_picture_of_its_post(console_client):
    of = make.channel()
    still = make.media_object(owner=of.tenant)
    video = make.media_object(owner=of.tenant, mime="video/mp4")
    post = make.post(of=of)
    make.show(post, still, role=MediaRole.THUMBNAIL)
    make.show(post, video)

    page = _html(console_client, list_of(Post))

    assert reverse("admin:media_mediaobject_thumbnail", args=[video.pk]) in page


def test_a_big_table_is_counted_only_so_far(console_client, monkeypatch):
    monkeypatch.setattr(console, "CEILING", 3)
    of = make.channel()
    for _ in range(5):
        make.post(of=of)

    with CaptureQueriesContext(connection) as captured:
        page = _html(console_client, list_of(Post))

    counts = [q["sql"] for q in captured if "COUNT(" in q["sql"]]
    assert counts
    assert all("LIMIT 4" in sql for sql in counts)
    assert "Всего: более 3" in page


def test_a_list_that_stopped_counting_offers_all_of_its_rows_as_more(console_client, monkeypatch):
    monkeypatch.setattr(admin.site.get_model_admin(Post), "list_per_page", 1)
    of = make.channel()
    for _ in range(4):
        make.post(of=of)

    monkeypatch.setattr(console, "CEILING", 4)
    exact = _html(console_client, list_of(Post))
    monkeypatch.setattr(console, "CEILING", 3)
    capped = _html(console_client, list_of(Post))

    assert "Всего: 4" in exact
    assert "Выбрать все посты (4)" in exact
    assert "Всего: более 3" in capped
    assert "Выбрать все посты (3)" not in capped
    assert "Выбрать все: их более 3" in capped


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("@durov", "durov"),
        ("https://t.me/durov", "durov"),
        (" t.me/durov/12 ", "durov"),
        ("", ""),
        ("durov and others", None),
        ("-1001234567890", None),
        ("https://t.me/+abcdefghijklmnop", None),
        ("@TAKEN", None),
    ],
)
def test_a_public_name_is_taken_as_people_write_it(console_client, typed, kept):
    channel = make.channel(username="before")
    make.channel(owner=channel.tenant, username="taken")
    make.channel(username="durov")  # of another tenant, which has the same channel

    form = {"username": typed, "is_active": "on"}
    answer = console_client.post(page_of(Channel, channel.pk), form)

    channel.refresh_from_db()
    assert channel.username == ("before" if kept is None else kept)
    assert answer.status_code == (200 if kept is None else 302)


def test_an_answer_to_a_post_that_is_not_here_leads_nowhere(console_client):
    of = make.channel()
    here, there = (make.post(of=of, reply_to_message_id=number) for number in (4711, 4712))
    answered = make.post(of=of, telegram_message_id=4711)

    linked, plain = (_html(console_client, page_of(Post, post.pk)) for post in (here, there))

    assert f'<a href="{page_of(Post, answered.pk)}">#4711</a>' in linked
    assert "#4712" in plain
    assert ">#4712</a>" not in plain


def test_the_index_opens_with_the_figures_and_marks_dead_letters(console_client):
    for _ in range(3):
        make.dead_letter()
    _full_post()

    page = _html(console_client, reverse("admin:index"))

    assert f'href="{list_of(DeadLetter)}" class="console-figure console-alarm"' in page
    assert page.index("model-post") < page.index("model-channel") < page.index("model-mediagroup")
    assert page.index("model-deadletter") < page.index("model-delivery")
    assert page.index("model-delivery") < page.index("model-user")


def test_the_index_is_cheap_and_shows_nobody_what_they_may_not_see(client, console_client):
    # One of them counts the matches of saved searches that nobody has seen yet.
    assert _queries(console_client, reverse("admin:index")) <= 15
    client.force_login(make.member("viewer", make.tenant()))
    make.tenant()

    page = _html(client, reverse("admin:index"))

    assert list_of(DeadLetter) in page
    assert list_of(IntegrityCheck) not in page


def test_a_big_table_is_estimated_on_the_index(console_client, monkeypatch):
    monkeypatch.setattr("telegram_assistant.console.dashboard._estimate", lambda table: 1_234_567)

    page = _html(console_client, reverse("admin:index"))

    assert "≈ 1\xa0234\xa0567" in page


def _run(client: Client, action: str, row: Any):
    chosen = {"action": action, "_selected_action": [row.pk]}
    return client.post(list_of(type(row)), chosen, follow=True)


def test_a_person_tells_near_duplicates_apart_and_withdraws_it(console_client):
    row = make.near_duplicate()

    assert _run(console_client, "mark_distinct", row).status_code == 200

    said = PictureDistinction.objects.get()
    assert {said.first_sha256, said.second_sha256} == {row.sha256, row.same_as}
    assert (said.declared_by.username, said.withdrawn_at) == ("admin", None)
    row.refresh_from_db()
    assert row.same_as == ""

    _run(console_client, "withdraw", said)

    said.refresh_from_db()
    assert said.withdrawn_by.username == "admin"


def test_who_may_only_look_tells_nothing_apart(client):
    row = make.near_duplicate()
    client.force_login(make.member())

    _run(client, "mark_distinct", row)

    assert not PictureDistinction.objects.exists()


def test_a_post_says_whose_analysis_a_picture_shares_and_where_to_object(console_client):
    of = make.channel()
    row = make.near_duplicate(owner=of.tenant)
    media = MediaObject.objects.get(file_sha256=row.sha256)
    post = make.post(of=of, media=[media])
    shared = make.decision(media, same_as=row.same_as, distance=row.distance)
    make.enrichment(post, decisions=[shared])

    page = _html(console_client, page_of(Post, post.pk))

    assert row.same_as[:12] in page
    assert "(расстояние 2)" in page
    assert f"{list_of(PictureHash)}?q={row.sha256}" in page
    assert row.sha256[:12] in _html(console_client, list_of(PictureHash), q=row.sha256)
