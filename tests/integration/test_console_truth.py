"""What the console says is so: one clock, no invented figure, names and numbers for people."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, models
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.translation import override

from accounts.models import ApiToken, AuditEntry, BrowserSession, Membership, Tenant, User
from albums.models import MediaGroup
from crawl.models import CrawlDomain, CrawledPage
from events.console import list_of, page_of
from events.models import DeadLetter, Delivery, OutboxEvent
from media.models import (
    Channel,
    ChannelFeed,
    ChannelGap,
    ImportProblem,
    ImportRun,
    MediaObject,
    MediaState,
    Post,
    TelegramAccount,
)
from media.services import import_words
from media.services.imports import ImportSummary
from media.services.problem_codes import PROBLEMS
from storage_quota.models import (
    BucketState,
    IntegrityCheck,
    IntegrityFinding,
    Orphan,
    Reservation,
    StoredObject,
    TenantUsage,
)
from tests import factories as make
from tests.tokens import member, token_of
from vision.admin.usage import STATES
from vision.models import (
    CallCost,
    DocumentText,
    PaidAnalysis,
    PictureDistinction,
    PictureHash,
    PostEnrichment,
    PostTag,
    ProviderHealth,
    Tag,
    TagAnswer,
    TagRule,
    TokenBudget,
)
from vision.providers.port import ErrorClass
from vision.tagging.rules import rules

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

MOMENT = datetime(2026, 11, 21, 15, 9, tzinfo=UTC)
"""In Kamchatka, where the reader is, it is 3:09 of the next day."""
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
LONG_FRACTION = re.compile(r"\d[.,]\d{5,}")


def _post() -> Post:
    of = make.channel()
    media = make.media_object(owner=of.tenant, duration_seconds=1 / 7, mime="video/mp4")
    group = make.album(of=of, pictures=[media])
    post = group.items.get().post
    make.enrichment(post, decisions=[make.decision(media)])
    return post


def _stored() -> Tenant:
    owner = make.tenant()
    make.media_object(owner=owner, stored=True)
    return owner


def _check() -> IntegrityCheck:
    check = IntegrityCheck.objects.create(
        state="done", started_at=MOMENT, worked_at=MOMENT, finished_at=MOMENT,
        seconds=0.006290891999924497, sample_percent=100 / 3,
    )  # fmt: skip
    IntegrityFinding.objects.create(
        check_run=check, kind="missing", key=f"media/{uuid.uuid4()}/k.png", found_at=MOMENT
    )
    return check


def _reservation() -> Reservation:
    owner = make.tenant()
    return Reservation.objects.create(
        tenant=owner, content_type="media", key=f"media/{owner.pk}/k.png", size_bytes=1,
        expires_at=MOMENT, created_at=MOMENT,
    )  # fmt: skip


def _paid() -> PaidAnalysis:
    media = make.media_object()
    return PaidAnalysis.objects.create(
        tenant=media.tenant, sha256=media.file_sha256, provider="gigachat", model="m",
        schema_version="1.0",
    )  # fmt: skip


def _feed() -> ChannelFeed:
    channel = make.channel()
    account = TelegramAccount.objects.create(
        tenant=channel.tenant,
        name="главный",
        state="ready",
        rests_until=MOMENT,
        signed_in_at=MOMENT,
    )
    ChannelGap.objects.create(channel=channel, first_id=1, last_id=5, reason="history")
    return ChannelFeed.objects.create(
        channel=channel, account=account, access_hash=1, rests_until=MOMENT, read_at=MOMENT
    )


def _session() -> None:
    store = SessionStore()
    store.create()
    BrowserSession.objects.create(
        user=make.superuser(), session_key=store.session_key, ip="203.0.113.9", user_agent="Firefox"
    )


FILLERS: dict[type[models.Model], Callable[[], object]] = {
    Channel: lambda: make.post(of=make.channel()),
    TelegramAccount: lambda: _feed().account,
    ChannelFeed: _feed,
    ChannelGap: _feed,
    Post: _post,
    MediaObject: _post,
    MediaGroup: _post,
    CrawledPage: lambda: make.article(of=make.post(), gone_since=MOMENT, due_at=MOMENT),
    CrawlDomain: lambda: CrawlDomain.objects.create(
        tenant=make.tenant(), host="pages.example", hour=MOMENT, used=2
    ),
    PostEnrichment: _post,
    ImportRun: lambda: make.import_run(problems=2),
    ImportProblem: lambda: make.import_run(problems=1),
    DocumentText: make.document,
    PictureHash: make.near_duplicate,
    PictureDistinction: make.distinction,
    OutboxEvent: make.dead_letter,
    Delivery: make.dead_letter,
    DeadLetter: make.dead_letter,
    Tag: lambda: make.proposal(make.post()),
    PostTag: lambda: make.proposal(make.post()),
    TagAnswer: lambda: make.tag_answer(make.post()),
    TagRule: lambda: rules.make(make.tenant(), "tag", word="слово"),
    TokenBudget: lambda: TokenBudget.objects.create(tenant=make.tenant(), day=MOMENT.date()),
    CallCost: lambda: CallCost.objects.create(
        provider="gigachat", model="GigaChat-2-Pro", most_tokens=2000
    ),
    PaidAnalysis: _paid,
    ProviderHealth: lambda: ProviderHealth.objects.create(
        provider="gigachat", open_until=MOMENT, paused_until=MOMENT, pause_reason="provider_quota"
    ),
    TenantUsage: _stored,
    StoredObject: _stored,
    Reservation: _reservation,
    IntegrityCheck: _check,
    IntegrityFinding: _check,
    BucketState: lambda: BucketState.objects.create(
        place="https://s3.example.org archive", surveyed_at=make.NOW, versioning="Enabled"
    ),
    Orphan: lambda: Orphan.objects.create(
        key=f"media/{uuid.uuid4()}/k.png",
        size_bytes=1,
        modified_at=MOMENT,
        found_at=MOMENT,
        seen_at=MOMENT,
    ),
    Tenant: make.tenant,
    Membership: lambda: Membership.objects.create(user=make.superuser(), tenant=make.tenant()),
    User: make.superuser,
    BrowserSession: _session,
    AuditEntry: lambda: AuditEntry.objects.create(
        event="budget.reset", actor_kind="system", actor_name="-", at=MOMENT
    ),
    ApiToken: lambda: token_of(member(make.tenant())),
}


@pytest.fixture
def reader(client: Client, settings) -> Client:
    """A client whose user reads Russian in Kamchatka; sessions are shown however long they lay idle."""
    settings.SIGN_IN = settings.SIGN_IN.model_copy(update={"idle_minutes": 0})
    user = get_user_model().objects.create_superuser(
        "reader", language="ru", time_zone="Asia/Kamchatka"
    )
    client.force_login(user)
    return client


WITH_A_TIME = {Post: {"deletion": "absent"}}
"""Columns that go with one of a time."""


def _pages(client: Client, model: type[models.Model]) -> dict[str, str]:
    """The list of a model and the page of one of its rows, every time of which is MOMENT."""
    FILLERS[model]()
    for other in FILLERS.keys() - {AuditEntry}:  # which cannot be changed
        times = [
            field.name
            for field in other._meta.get_fields()
            if isinstance(field, models.DateTimeField)
        ]
        other.objects.update(**dict.fromkeys(times, MOMENT), **WITH_A_TIME.get(other, {}))
    row = model._default_manager.exclude(**_reader(model)).first()
    addresses = (list_of(model), page_of(model, row.pk))
    return {address: client.get(address).content.decode() for address in addresses}


def _reader(model: type[models.Model]) -> dict[str, object]:
    """The rows that the fillers did not make: of the reader, and the record of what they made."""
    return {User: {"username": "reader"}, AuditEntry: {"actor_name": ""}}.get(model, {})


def _visible(html: str) -> str:
    """What is read: no source text, and neither raw JSON nor what can be chosen from a list."""
    for tag in ("script", "style", "pre", "select"):
        html = re.sub(rf"<{tag}\b.*?</{tag}>", " ", html, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", " ", html))


def _headings(html: str) -> str:
    found = re.findall(
        r"<(?:h1|h2|h3|title)\b.*?</(?:h1|h2|h3|title)>|<div class=\"breadcrumbs\">.*?</div>"
        r"|<td class=\"original\">.*?</td>",
        html,
        flags=re.DOTALL,
    )
    return _visible(" ".join(found))


def test_every_page_of_the_product_is_looked_at():
    foreign = {"auth", "django_q"}
    ours = {model for model in admin.site._registry if model._meta.app_label not in foreign}

    assert ours == set(FILLERS)


OF_WHICH_THERE_IS_ONE = {BucketState, CallCost, ProviderHealth, TokenBudget}


@pytest.mark.sampled(13)
@pytest.mark.parametrize(
    "model",
    [model for model in FILLERS if model not in OF_WHICH_THERE_IS_ONE],
    ids=lambda model: model.__name__,
)
def test_a_list_costs_the_same_queries_however_long_it_is(reader, model):
    FILLERS[model]()
    one = _queries(reader, model)

    for _ in range(4):
        FILLERS[model]()

    assert model._default_manager.count() >= 5
    assert _queries(reader, model) == one


def _queries(client: Client, model: type[models.Model]) -> int:
    client.get(list_of(model))  # content types and the like are read once per process
    with CaptureQueriesContext(connection) as captured:
        assert client.get(list_of(model)).status_code == 200
    return len(captured)


@pytest.mark.sampled(13)
@pytest.mark.parametrize("model", FILLERS, ids=lambda model: model.__name__)
def test_no_time_is_shown_in_another_zone_than_the_readers(reader, model):
    pages = _pages(reader, model)

    for address, html in pages.items():
        text = _visible(html)
        assert "15:09" not in text, address
    if any(isinstance(field, models.DateTimeField) for field in model._meta.fields):
        assert any("3:09" in html for html in pages.values())


@pytest.mark.sampled(13)
@pytest.mark.parametrize("model", FILLERS, ids=lambda model: model.__name__)
def test_no_heading_is_an_id_and_no_figure_has_seventeen_digits(reader, model):
    for address, html in _pages(reader, model).items():
        assert not UUID.search(_headings(html)), address
        assert not LONG_FRACTION.search(_visible(html)), address


def test_what_an_export_does_not_say_is_no_figure(reader):
    unknown, known = make.post(), make.post(views_count=0, forwards_count=0, replies_count=0)

    pages = {one.pk: reader.get(page_of(Post, one.pk)).content.decode() for one in (unknown, known)}

    for name in ("views_count", "forwards_count", "replies_count"):
        assert _field(pages[unknown.pk], name) == "—"
        assert _field(pages[known.pk], name) == "0"
    assert _field(pages[unknown.pk], "engagement") == "—"
    assert unknown.reactions_count == 0  # of these, exports do tell


def _field(html: str, name: str) -> str:
    found = re.search(rf"field-{name}\b.*?class=\"readonly\">(.*?)</div>", html, flags=re.DOTALL)
    assert found, name
    return _visible(found[1]).strip()


def test_a_skipped_video_was_not_analyzed_and_did_not_succeed(reader):
    post = make.post(media=[make.media_object(mime="video/mp4")])
    row = make.enrichment(
        post, vision_provider="none", vision_analyzed_at=None, vision_analysis_reason="skipped"
    )

    for address in (
        page_of(PostEnrichment, row.pk),
        page_of(Post, post.pk),
        list_of(PostEnrichment),
    ):
        html = reader.get(address).content.decode()
        text = _visible(re.sub(r"<nav.*?</nav>", " ", html, flags=re.DOTALL))  # of the filters
        assert "успешно" not in text, address
        assert "не анализировалось" in text.lower(), address


def test_a_file_that_never_came_is_not_said_to_be_awaited(reader):
    group = make.album(pictures=[])
    lost = make.post(of=group.channel, media_state=MediaState.NOT_INCLUDED, has_media=True)
    group.items.create(post=lost, position=0, media_kind="photo")

    text = _visible(reader.get(page_of(MediaGroup, group.pk)).content.decode())
    waiting = reader.get(list_of(Post, "vision=waiting")).content.decode()

    assert "не вошёл в экспорт" in text
    assert "ещё не проанализировано" not in text
    assert page_of(Post, lost.pk) not in waiting


def test_positions_in_an_album_are_counted_alike_on_both_pages(reader):
    of = make.channel()
    group = make.album(of=of, pictures=[make.media_object(owner=of.tenant) for _ in range(3)])

    for number, item in enumerate(group.items.order_by("position"), start=1):
        post = reader.get(page_of(Post, item.post_id)).content.decode()
        cell = re.search(r'<td class="field-place">(.*?)</td>', post, flags=re.DOTALL)
        assert _visible(cell[1]).strip() == str(number)
        album = reader.get(page_of(MediaGroup, group.pk)).content.decode()
        assert f"{number} · фото · #{item.post.telegram_message_id}" in album


def test_the_summary_of_an_import_has_no_english_key_on_a_russian_page(reader):
    summary = ImportSummary(channels=["Канал"], seconds=0.12345678901234567)
    summary.counts.update({state.value: 1 for state in MediaState})
    summary.skipped_chats.update(dict.fromkeys(import_words.CHATS, 2))
    run = make.import_run(summary=summary.as_dict())

    html = reader.get(page_of(ImportRun, run.pk)).content.decode()

    shown = _visible(re.search(r"<dl class=\"console-facts\">.*?</dl>", html, flags=re.DOTALL)[0])
    assert "новых постов" in shown
    assert not re.search(r"[A-Za-z]{2,}", shown.replace("Telegram", "")), shown


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("closed", "работает"),
        ("open", "отключён после ошибок"),
        ("half_open", "проверяем связь"),
        ("paused", "на паузе"),
    ],
)
def test_the_state_of_the_breaker_is_a_state(state, text):
    with override("ru"):
        assert str(STATES[state]) == text


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_sign_in_page_asks_for_no_name_in_telegram(client, language):
    html = client.get(
        reverse("account_login"), headers={"Accept-Language": language}
    ).content.decode()

    asked = {"ru": "Имя пользователя", "en": "Username"}[language]
    assert asked in _visible(html)
    assert "Telegram:" not in _visible(html)
    assert "в Telegram" not in _visible(html)


PROPER = {"API", "GigaChat", "Tesseract", "OCR", "JSON", "Telegram"}
NAMES = {
    "actor", "channel", "error_code", "format", "model", "provider", "queue", "subscriber", "tenant", "topic",
}  # fmt: skip
"""Filters by names, which commands and settings take as they are; a name has no translation."""
LATIN_WORD = re.compile(r"[A-Za-z]{3,}")


def _coded_rows() -> None:
    """A row for every code that a column without choices may have."""
    of = make.channel(kind="public_channel")
    make.channel(owner=of.tenant, kind="private_supergroup")
    run = make.import_run()
    for code in PROBLEMS:
        ImportProblem.objects.create(run=run, code=code, detail="x")
    classes = [each.value for each in ErrorClass]
    for number, code in enumerate([*classes, "daily_limit", "circuit_open", "reanalysis"]):
        PaidAnalysis.objects.create(
            tenant=of.tenant, sha256=f"{number:064x}", provider="gigachat", model="m",
            schema_version="1", wait_reason=code, error_class=code,
        )  # fmt: skip


@pytest.mark.costly
def test_no_choice_of_a_filter_is_in_english(reader):
    """In Russian, for every list of the console that this product makes."""
    _coded_rows()
    for fill in FILLERS.values():
        fill()
    request = RequestFactory().get("/")
    request.user = User.objects.filter(is_superuser=True).first()
    english = []

    with override("ru"):
        for model, page in admin.site._registry.items():
            if not page.list_filter or model._meta.app_label in {"django_q", "auth"}:
                continue
            changes = page.get_changelist_instance(request)
            for each in changes.filter_specs:
                names = getattr(each, "field_path", None) or each.parameter_name
                if names.partition("__")[0] in NAMES:
                    continue
                english += [
                    (model.__name__, names, str(choice["display"]))
                    for choice in each.choices(changes)
                    if set(LATIN_WORD.findall(str(choice["display"]))) - PROPER
                ]

    assert english == []
