"""Any text may be asked for: no failure, no post of another tenant, and one canonical form."""

from datetime import UTC, datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.models import Membership, User
from media.models import Post
from search.query.parse import parse
from search.query.printing import print_query
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_words import index_words
from tests import factories as make

pytestmark = pytest.mark.django_db

API = "/api/v1/search"
FEW, MANY = 60, 10_000
NOW = datetime(2026, 11, 26, 22, 30, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Moscow")

WORDS = [
    "снег",
    "Ёлка",
    "зима",
    "snow",
    "и",
    "в",
    "45",
    "#45",
    "#зима",
    "а" * 300,
    "чужой",
    "quagga",
]
SYNTAX = [
    '"', "«", "»", "„", "“", "”", "'", "`", "\\", "%", "_", "-", "--", "—", "#", "##", ":", "::", ",", ";",
    "(", ")", "[", "{", "<->", "<2>", "&", "|", "!", ":*", ":A", "@@", "/*", "$$", "$1", "%s", "%(x)s", "?",
    "' OR 1=1 --", "'; DROP TABLE posts; --", "\\x00", ".*", "(?:", "[a-", "\\", "^$", "*", "+", "~",
]  # fmt: skip
ODD = [
    "\0", "\x01", "\x02", "\x7f", "\ud800", "\udfff", "\u200b", "\u200d", "\u202e", "\u2066", "\ufeff",
    "\u0301", "e\u0301", "ﷺ", "\U0001f600", "👨‍👩‍👧", "עברית", "العربية", "漢字", "\n", "\r\n", "\t", "\u2028", "İ", "ß",
]  # fmt: skip
CONDITIONS = [
    f"{sign}{name}:{value}"
    for sign in ("", "-")
    for name, value in (
        ("channel", "@foreign"), ("channel", "чужие"), ("канал", '"Чужие новости"'), ("channel", "-1009"),
        ("album", "-9223372036854775808"), ("album", "1"), ("from", "%"), ("от", '"Анна"'), ("is", "meme"),
        ("is", "pinned"), ("is", "edited"), ("это", "ответ"), ("has", "photo"), ("есть", "опрос"),
        ("has", "text"), ("lang", "ru"), ("tag", "зима"), ("on", "2026"), ("after", "2100-12-31"),
        ("before", "1970"), ("since", "1970"), ("date", "99999"), ("foo", "bar"), ("has", ""), ("до", '"'),
    )
]  # fmt: skip
LINKS = ["https://t.me/foreign/45", "t.me/mine/45", "t.me/c/1234567890/45", "tg://resolve?domain=foreign&post=45"]  # fmt: skip

pieces = st.sampled_from([*WORDS, *SYNTAX, *ODD, *CONDITIONS, *LINKS])
anything = st.text(st.characters(exclude_categories=()), max_size=20)
glued = st.lists(pieces | anything, max_size=12).map("".join)
spaced = st.lists(pieces | anything, max_size=12).map(" ".join)
long_ones = st.builds(lambda text, times: (text * times)[:10_240], glued | spaced, st.just(500))
texts = st.one_of(glued, spaced, spaced, long_ones)


def write(of, text, **fields):
    post = make.post(of=of, content=text, **fields)
    index_words([post.pk], now=timezone.now())
    index_meaning([post.pk])


@pytest.fixture
def bob():
    """A member of one tenant, beside another one with the same words; asks with a text."""
    mine = make.channel(title="Мои новости", username="mine", tg_channel_id=-1001234567890)
    other = make.channel(title="Чужие новости", username="foreign", tg_channel_id=-1009)
    for channel in (mine, other):
        for number, text in enumerate(("снег", "#зима и 1 снег", "Ёлка snow 45", "")):
            write(channel, text, is_forward=True, telegram_message_id=44 + number, is_edited=True)
        pictures = [make.media_object(owner=channel.tenant) for _ in range(2)]
        make.album(of=channel, pictures=pictures, caption_text="зима")
        posts = Post.objects.filter(channel=channel).values_list("pk", flat=True)
        index_words(list(posts), now=timezone.now())
    client, user = Client(raise_request_exception=False), User.objects.create_user("bob")
    Membership.objects.create(user=user, tenant=mine.tenant)
    client.force_login(user)
    return client


def check(client, text, *, own):
    written = quote(text.encode("utf-8", "surrogatepass"))

    answer = client.get(f"{API}?q={written}&limit=100")

    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert {hit["post_id"] for hit in body["hits"]} <= own
    again = parse(body["understood"], now=NOW, zone=ZONE)
    assert print_query(again) == body["understood"]


def _check_many(client, examples):
    own = {
        str(pk) for pk in Post.objects.filter(channel__username="mine").values_list("pk", flat=True)
    }

    @settings(
        max_examples=examples, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
    )
    @given(texts)
    def each(text):
        check(client, text, own=own)

    each()


@pytest.mark.costly
def test_no_query_is_an_error_or_shows_a_post_of_others(bob):
    _check_many(bob, FEW)


@pytest.mark.long
def test_ten_thousand_queries_are_no_error_and_show_no_post_of_others(bob):
    _check_many(bob, MANY)
