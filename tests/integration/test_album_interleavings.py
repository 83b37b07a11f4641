"""
Albums under disorder: whatever comes when, twice or interrupted, the album is the one of the order.

The world of a test is one album. A deck holds what may happen next: a post is imported, a picture
gets its outcome, an event is delivered. Chance picks from it, delivers some cards twice, kills the
worker in the middle, lets another worker go on in the middle, and lets the time run out. What is
compared with is the same album, assembled in order.
"""

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from albums.models import MediaGroup
from albums.services import album_events, assemble, claims, collect, overdue
from events.errors import RetryLater
from events.models import OutboxEvent
from events.schemas import AlbumAssembledEventV1
from media.models import Post
from storage_quota.object_store import StoreUnavailable
from tests import factories as make
from vision.models import EnrichmentKind, PostEnrichment

pytestmark = pytest.mark.django_db
_groups = itertools.count(1000)
TIMEOUT = timedelta(minutes=15)
Card = tuple[str, Any]


class Killed(BaseException):
    """The process is gone: nothing is released, no further line is run."""


@dataclass(frozen=True)
class Item:
    """What happens to one item: its text, its file, and the outcomes of it, one after the other."""

    text: str
    has_file: bool
    outcomes: tuple[str | None, ...]
    """Words that were seen; None: skipped or failed. Without any, the outcome never comes."""


ITEMS = st.lists(
    st.builds(
        Item,
        text=st.sampled_from(["", "", "подпись #тег", "другая"]),
        has_file=st.sampled_from([True, True, True, False]),
        outcomes=st.lists(st.sampled_from(["кот", "Пёс ", None, "кот пёс"]), max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=4,
)


@dataclass
class World:
    """One album of an archive; `deck` is what may happen next."""

    archive: make.Archive
    items: list[Item]
    now: datetime
    deck: list[Card] = field(default_factory=list)
    read_events: int = 0

    def __post_init__(self) -> None:
        self.group = -next(_groups)
        self.base = 100 * -self.group
        self.posts: dict[int, Post] = {}
        self.seen: dict[int, int] = {}

    def play(self, card: Card) -> None:
        """Let this happen; raises RetryLater where it has to wait."""
        name, about = card
        getattr(self, f"_{name}")(about)
        if name == "collect":  # nothing else publishes what the deck hands on
            self._take_published()

    def _post(self, n: int) -> None:
        if n in self.posts:
            return
        item = self.items[n]
        bodies = [f"body {n}".encode()] if item.has_file else []
        self.posts[n] = self.archive.post(
            *bodies, grouped_id=self.group, message_id=self.base + n, content=item.text, tell=False
        )
        # A picture has an outcome only once it is imported.
        outcomes = item.outcomes if item.has_file else ()
        self.deck += [("collect", n), *(("outcome", n) for _ in outcomes)]

    def _outcome(self, n: int) -> None:
        """The next outcome of the item."""
        number = self.seen.get(n, 0)
        self.seen[n] = number + 1
        _write(self.posts[n], self.items[n].outcomes[number], now=self.now)
        self.deck.append(("analyzed", n))

    def _collect(self, n: int) -> None:
        post = self.posts[n]
        collect.save_media_group(post_id=str(post.pk), tenant_id=str(post.tenant_id))

    def _analyzed(self, n: int) -> None:
        assemble.assemble_album_of(post_id=str(self.posts[n].pk), now=self.now)

    def _parsed(self, album_id: int) -> None:
        assemble.assemble_album(group_id=album_id, now=self.now)

    def _timeout(self, _: None) -> None:
        """A day passes. For all: a claim that was made then would else outlast whatever comes."""
        self.now += timedelta(days=1)
        overdue.assemble_overdue(timeout=TIMEOUT, now=self.now)

    def _take_published(self) -> None:
        """The bus hands on what was published, to whoever subscribed to it."""
        new = OutboxEvent.objects.filter(topic="albums.parsed", pk__gt=self.read_events)
        for event in new.order_by("pk"):
            self.read_events = event.pk
            self.deck.append(("parsed", event.payload["album_id"]))

    def result(self) -> dict[str, Any]:
        """What the album is in the end, without ids and times."""
        group = MediaGroup.objects.get(channel=self.archive.channel, grouped_id=self.group)
        order = list(group.items.order_by("position").values_list("post_id", flat=True))
        by_id = {post.pk: n for n, post in self.posts.items()}
        summary = dict(group.meta["enrichment"])
        for name in list(summary):
            if name.endswith("_at") or name in {"assembly_lag_seconds", "s3_key"}:
                del summary[name]
        return {
            "order": [by_id[pk] for pk in order], "kind": group.album_kind, "status": group.status,
            "caption": group.caption_text, "has_cover": group.cover_media_id is not None,
            "summary": summary,
        }  # fmt: skip

    def published(self) -> list[AlbumAssembledEventV1]:
        events = OutboxEvent.objects.filter(topic="album.assembled").order_by("pk")
        mine = events.filter(payload__grouped_id=self.group)
        return [AlbumAssembledEventV1.model_validate(event.payload) for event in mine]


def _write(post: Post, words: str | None, *, now: datetime) -> None:
    """What vision leaves behind: the row of the outcome, before its event."""
    seen: dict[str, Any] = (
        {"vision_analyzed_at": None, "features_hash": "0" * 64}
        if words is None
        else {
            "vision_analyzed_at": now,
            "vision_description": words,
            "vision_ocr_text": words.upper(),
            "vision_classification": {"tags": words.split()},
            "vision_is_meme": "пёс" in words,
            "features_hash": make.hashlib.sha256(words.encode()).hexdigest(),
        }
    )
    PostEnrichment.objects.filter(post=post, kind=EnrichmentKind.VISION).delete()
    media = post.post_media.get().media_object
    make.enrichment(post, decisions=[make.decision(media)], **seen)


def in_order(archive: make.Archive, items: list[Item]) -> World:
    """Import all, then let every outcome come, then the time run out."""
    world = World(archive, items, now=timezone.now())
    for n in range(len(items)):
        world.play(("post", n))
    world.deck.sort(key=lambda card: (card[0] != "outcome", card[1]))
    while world.deck:
        world.play(world.deck.pop(0))
    world.play(("timeout", None))
    return world


class Disorder:
    """Chance at work: picks the next card, kills, lets another worker go first, fails the store."""

    def __init__(self, world: World, chance: Random, patch: pytest.MonkeyPatch) -> None:
        self.world, self.chance = world, chance
        self.depth = 0
        self._put, self._build = assemble.services.put_json, album_events.assembled
        self._release = claims.release
        patch.setattr(assemble.services, "put_json", self._store)
        patch.setattr(album_events, "assembled", self._publish)
        patch.setattr(claims, "release", self._let_go)
        self.is_killed = False

    def run(self) -> None:
        world = self.world
        world.deck += [("post", n) for n in range(len(world.items))]
        for _ in range(self.chance.randrange(3)):
            world.deck.append(("timeout", None))
        while world.deck:
            self.step()
        self.depth = 99  # nothing more happens in between
        world.now += 2 * claims.CLAIM
        world.play(("timeout", None))
        while world.deck:
            self.step()
            world.now += claims.CLAIM

    def step(self) -> None:
        world = self.world
        card = world.deck.pop(self.chance.randrange(len(world.deck)))
        if card[0] not in {"post", "outcome"} and self.chance.random() < 0.2:
            world.deck.append(card)  # delivered twice
        self.is_killed = False
        try:
            world.play(card)
        except (RetryLater, Killed):
            world.deck.append(card)
            # Within the claim of a killed worker, or past its end: each wait is a few statements.
            world.now += self.chance.choice([timedelta(minutes=1), claims.CLAIM])

    def _store(self, **arguments: Any) -> None:
        self._perhaps_killed()
        if self.depth < 2 and self.world.deck and self.chance.random() < 0.4:
            self.depth += 1
            try:
                self.step()  # of another worker, meanwhile
            finally:
                self.depth -= 1
        if self.depth < 99 and self.chance.random() < 0.1:
            raise StoreUnavailable("away")
        self._put(**arguments)
        self._perhaps_killed()

    def _publish(self, *arguments: Any) -> AlbumAssembledEventV1:
        self._perhaps_killed()
        return self._build(*arguments)

    def _perhaps_killed(self) -> None:
        if self.depth < 99 and self.chance.random() < 0.15:
            self.is_killed = True
            raise Killed

    def _let_go(self, group: MediaGroup) -> None:
        if not self.is_killed:
            self._release(group)


def _check(archive: make.Archive, items: list[Item], chance: Random) -> None:
    """
    Play one example, and take it back: whatever is not, all later examples read over.

    Four hundred of them together are one transaction of many thousand parts, in which every row that
    is read is looked for among the parts.
    """
    example = transaction.atomic()
    example._from_testcase = True  # as that of a test: what must be outermost may stand in it
    with example:
        _play(archive, items, chance)
        transaction.set_rollback(True)


def _play(archive: make.Archive, items: list[Item], chance: Random) -> None:
    expected = in_order(archive, items).result()
    with pytest.MonkeyPatch.context() as patch:
        world = World(archive, items, now=timezone.now())
        world.read_events = OutboxEvent.objects.order_by("-pk").values_list("pk", flat=True)[0]
        Disorder(world, chance, patch).run()

    assert world.result() == expected
    told = world.published()
    group = MediaGroup.objects.get(channel=archive.channel, grouped_id=world.group)
    assert [event.album_version for event in told] == list(range(1, group.version + 1))
    last = told[-1]
    assert (last.vision_summary or "", last.items_analyzed, last.status) == (
        expected["summary"]["vision_summary"],
        expected["summary"]["items_analyzed"],
        expected["summary"]["status"],
    )


CHANCE = st.integers(0, 2**32).map(Random)
_usual = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@pytest.fixture
def place(store, archive) -> make.Archive:
    return archive


@settings(max_examples=3, **_usual)
@given(items=ITEMS, chance=CHANCE)
def test_in_any_order_the_album_is_that_of_the_order_and_told_once_per_version(
    place, items, chance
):
    _check(place, items, chance)


@pytest.mark.long
@settings(max_examples=400, **_usual)
@given(items=ITEMS, chance=CHANCE)
def test_in_very_many_orders(place, items, chance):
    _check(place, items, chance)
