"""The archive was restored to an earlier state, and Qdrant knows posts that came after it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from media.models import Post
from search.index.qdrant import index as qdrant_index
from search.index.qdrant.index import QdrantIndex
from search.services import find
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_qdrant import current_space, index_qdrant
from search.services.indexing.index_words import index_words
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(qdrant, monkeypatch):
    """A channel of two posts in the archive, and of six newer, better ones in Qdrant alone."""
    monkeypatch.setattr(qdrant_index, "MORE", 2)
    for depth in ("DEPTH", "DEPTH_OF_NEWEST"):
        monkeypatch.setattr(find, depth, 2)
    QdrantIndex().rebuild(current_space()).finish()
    channel = make.channel()
    posts = [
        make.post(of=channel, content="кошка #сад", hashtags=["сад"], posted_at=make.NOW)
        for _ in range(8)
    ]
    # What is equal comes in the order of the ids: the archive has those that come last anyhow.
    ids = sorted((post.pk for post in posts), reverse=True)
    Post.objects.filter(pk__in=ids[:2]).update(
        content="кошка и другие звери, о которых сказано мимоходом #сад",
        posted_at=make.NOW - timedelta(days=9),
    )
    index_words(ids, now=timezone.now())
    index_meaning(ids)
    index_qdrant(ids, now=timezone.now())
    Post.objects.filter(pk__in=ids[2:]).delete()  # and nobody reads the notes
    return channel


@pytest.mark.parametrize("text", ["кошка", "#сад", "-has:photo"])
def test_what_is_there_is_found_and_the_state_of_the_index_is_said(channel, text):
    found = find.find_text(text, (channel.tenant_id,), limit=2)

    assert {hit.post_id for hit in found.hits} == set(Post.objects.values_list("pk", flat=True))
    assert "verify_projections --repair" in found.degraded[0]


def test_once_it_is_in_line_it_answers(channel):
    gone = set(QdrantIndex().ids(channel.tenant_id, after=None, limit=100))
    index_qdrant(sorted(gone), now=timezone.now())

    found = find.find_text("кошка", (channel.tenant_id,), limit=2)

    assert (len(found.hits), found.degraded) == (2, ())
