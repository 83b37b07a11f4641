"""The graph is killed, stays away for an hour, and comes back: nothing else waits, nothing is lost."""

import time
from datetime import timedelta

import psutil
import pytest
from django.db import transaction
from django.utils import timezone

from albums.models import MediaGroup
from events import outbox
from events.delivery import worker
from events.models import Delivery
from graph.embedded import server
from graph.services import notes, rebuild
from graph.store import connection
from graph.store.outage import outage
from graph.tasks import note
from media.models import Post
from media.posts import post_events
from telegram_assistant.config import Neo4j
from tests import factories as make
from tests.graph_world import dump
from vision.models import PostTag

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def publish(*posts, first=True):
    for post in posts:
        with transaction.atomic():
            outbox.publish(
                post_events.parsed(post, post.channel, [], first=first, trace_id="t" * 32)
            )


def waiting():
    return Delivery.objects.filter(queue="graph").exclude(state="done")


def as_server_of_somebody_else(settings) -> Neo4j:
    """The embedded server by its address: so nobody but the operator starts it again."""
    settings.NEO4J = Neo4j(url="embedded")
    connection.forget()
    connection.ask("RETURN 1 AS one")  # it listens some seconds before it has its database
    connection.forget()
    found = server.running(settings.GRAPH_DIR)
    return Neo4j(url=found.url, user=server.USER, password=found.password)


@pytest.fixture
def killed(graph, settings, monkeypatch):
    """A function that kills the server as a crash does."""
    monkeypatch.setattr(connection, "RETRY_SECONDS", 1.0)  # of the driver, before it gives up
    if not settings.NEO4J.embedded:
        pytest.skip("only the embedded server is ours to kill")
    settings.NEO4J = as_server_of_somebody_else(settings)

    def kill() -> None:
        process = psutil.Process(server.running(settings.GRAPH_DIR).pid)
        process.kill()
        process.wait(timeout=30)

    yield kill
    connection.forget()


@pytest.mark.costly
def test_down_for_an_hour_it_catches_up_by_itself(killed, settings):
    channel = make.channel()
    kept, changed, gone = (make.post(of=channel, hashtags=["до"]) for _ in range(3))
    publish(kept, changed, gone)
    worker.drain("tagging")
    worker.drain("graph")
    assert not waiting().exists()
    killed()

    new = [
        make.post(of=channel, content="Пока графа нет #новое", hashtags=["новое"]) for _ in range(5)
    ]
    Post.objects.filter(pk=changed.pk).update(content="после", hashtags=["после"], revision=2)
    changed.refresh_from_db()
    publish(changed, first=False)
    publish(*new)
    for queue in ("default", "tagging", "search"):
        worker.drain(queue)
    gone.delete()
    worker.drain("graph")
    first = waiting().order_by("due_at").first().due_at - timezone.now()
    outage.since, outage.until = time.monotonic() - HOUR.total_seconds(), 0.0
    waiting().update(due_at=timezone.now())
    worker.drain("graph")
    later = waiting().order_by("due_at").first().due_at - timezone.now()

    # Nothing but the graph waits, longer and longer, and it counts as no failure.
    assert (
        not Delivery.objects.exclude(queue__in=["graph", "search_meaning"])
        .exclude(state="done")
        .exists()
    )
    assert PostTag.objects.filter(post__in=new, tag__name="новое").count() == 5
    assert timedelta(seconds=50) < first <= timedelta(minutes=1)
    assert timedelta(minutes=9) < later <= timedelta(minutes=10)
    assert set(waiting().values_list("state", "attempts")) == {("pending", 0)}
    assert note().startswith("postponed: ")

    settings.NEO4J = as_server_of_somebody_else(settings)
    outage.until = 0.0
    waiting().update(due_at=timezone.now())  # ten minutes later
    worker.drain("graph")
    notes.read_notes()

    assert not waiting().exists()
    live = dump(channel.tenant.pk)
    posts = Post.objects.filter(tenant=channel.tenant)
    rebuilt = rebuild.rebuild(posts, MediaGroup.objects.none())
    changes = sum(done.written.changed for done in rebuilt)
    assert changes == 0
    assert dump(channel.tenant.pk) == live
    assert sum(label == "Post" for label, _ in live["nodes"]) == 7
