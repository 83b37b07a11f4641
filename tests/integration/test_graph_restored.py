"""A graph that knows what the database does not: its clock was ahead, or it was restored."""

import pytest

from accounts.models import Role
from albums.models import MediaGroup
from events import projections
from graph.services import index as indexing
from graph.services.index import index
from graph.services.rebuild import rebuild
from graph.sources.read import Changed, version_now
from graph.store import connection
from media.models import Post
from tests import factories as make

pytestmark = pytest.mark.django_db
DAY = 86_400_000_000
"""In microseconds, as versions are."""


@pytest.fixture
def written_tomorrow(graph, monkeypatch):
    """A post that the graph was told of while the clock of the database was a day ahead."""
    post = make.post(content="as the clock was wrong")
    monkeypatch.setattr(indexing, "version_now", lambda: version_now() + DAY)
    index(Changed(posts=[post.pk]))
    monkeypatch.undo()
    return post


def content(post: Post) -> str:
    rows = connection.ask("MATCH (n:Post {key: $key}) RETURN n.content AS said", key=str(post.pk))
    return rows[0]["said"]


def edit(post: Post) -> None:
    Post.objects.filter(pk=post.pk).update(content="as the clock is right")


class TestAClockThatWasAhead:
    def test_what_is_true_now_is_written(self, written_tomorrow):
        edit(written_tomorrow)

        index(Changed(posts=[written_tomorrow.pk]))

        assert content(written_tomorrow) == "as the clock is right"

    def test_a_rebuild_and_a_comparison_mend_it(self, written_tomorrow):
        index(Changed(posts=[written_tomorrow.pk]))
        graph = next(one for one in projections.registered() if one.name == "graph")
        tenant = written_tomorrow.tenant_id
        edit(written_tomorrow)

        list(rebuild(Post.objects.filter(tenant=tenant), MediaGroup.objects.none(), repair=True))

        assert graph.compare(tenant).unresolved == 0
        edit(written_tomorrow)
        assert graph.compare(tenant, repair=True).unresolved == 0

    def test_what_did_not_change_has_a_version_of_today(self, written_tomorrow):
        index(Changed(posts=[written_tomorrow.pk]))

        rows = connection.ask(
            "MATCH (n:Post {key: $key}) RETURN n.version AS version", key=str(written_tomorrow.pk)
        )
        assert 0 < rows[0]["version"] <= version_now()

    def test_a_post_that_is_gone_goes(self, written_tomorrow):
        key = written_tomorrow.pk
        written_tomorrow.delete()

        index(Changed(posts=[key]))

        assert connection.ask("MATCH (n:Post {key: $key}) RETURN n", key=str(key)) == []


def test_an_album_with_a_number_that_was_given_out_before_shows_nothing_of_others(graph, client):
    lost = make.album(of=make.channel(), pictures=[make.media_object()])
    index(Changed(posts=[item.post_id for item in lost.items.all()], albums=[lost.pk]))
    mine = make.channel()
    type(lost).objects.filter(pk=lost.pk).update(channel=mine, tenant=mine.tenant_id)
    client.force_login(make.member(Role.VIEWER, mine.tenant))

    answer = client.get(f"/api/v1/graph/albums/{lost.pk}/posts")

    assert answer.json()["posts"] == []
