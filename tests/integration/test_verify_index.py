"""`verify_projections` sees whatever somebody changed in the tables of the search, and repairs it."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from media.models import Post
from search.embeddings import chosen
from search.embeddings.fake import FakeEncoder
from search.models import SearchDocument, SearchWord
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_words import index_words
from tests import factories as make

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture(autouse=True)
def encoder():
    before = chosen.use(FakeEncoder(same={}))
    yield
    chosen.use(before)


@pytest.fixture
def post():
    found = make.post(content="Ёлка стоит в лесу, зелёная и пушистая, и все ей рады")
    make.post(of=found.channel, content="второй пост")
    index_words([found.pk], now=timezone.now())
    index_meaning([found.pk])
    other = Post.objects.exclude(pk=found.pk).get()
    index_words([other.pk], now=timezone.now())
    index_meaning([other.pk])
    return found


def verify(*options):
    """The exit code, and how many differences there are in all projections."""
    out = StringIO()
    try:
        call_command("verify_projections", "--json", *options, stdout=out)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    parts = json.loads(out.getvalue())["projections"]
    return code, sum(p["missing"] + p["different"] + p["extra"] for p in parts)


def sql(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE search_documents SET words = to_tsvector('simple', 'чужое') WHERE post_id = %s",
        "UPDATE search_documents SET lang = 'en' WHERE post_id = %s",
        "UPDATE search_vectors SET tenant_id = gen_random_uuid() WHERE post_id = %s",
    ],
)
def test_what_was_changed_behind_its_back_is_seen_and_repaired(post, change):
    before = SearchDocument.objects.filter(pk=post.pk).values("words", "lang").get()
    assert verify() == (0, 0)
    sql(change, post.pk)

    code, differences = verify()

    assert code == 1
    assert differences == 1
    assert verify("--repair")[0] == 0
    assert verify() == (0, 0)
    assert SearchDocument.objects.filter(pk=post.pk).values("words", "lang").get() == before


def test_wrong_counts_of_words_are_seen_and_counted_anew(post):
    words = SearchWord.objects.filter(tenant=post.tenant_id)
    before = set(words.exclude(posts=0).values_list("word", "posts"))
    words.filter(word="елк").update(posts=77)
    words.filter(word="лес").delete()
    SearchWord.objects.create(tenant=post.tenant, word="нету", posts=3)

    assert verify("--only", "search.words") == (1, 3)
    assert verify("--only", "search.words", "--repair")[0] == 0

    assert verify() == (0, 0)
    assert set(words.exclude(posts=0).values_list("word", "posts")) == before
