"""How copies spread, in a generated world whose copies are known; what channels share; paths."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from graph.queries.channels import shared_content
from graph.queries.paths import find_path
from graph.queries.spread import spread
from graph.services.index import index
from graph.sources.read import Changed
from media.models import Post, channel_id, post_id
from tests import factories as make
from vision.duplicates import hash_index
from vision.duplicates.phash import PHash

pytestmark = pytest.mark.django_db
WORDS = [
    "река",
    "мост",
    "город",
    "вечер",
    "поезд",
    "книга",
    "окно",
    "дорога",
    "камень",
    "письмо",
    "ветер",
    "рынок",
    "сад",
    "море",
]


@dataclass
class Work:
    """A post that was copied, its copies by the way they were made, and the forwards among them."""

    first: Any
    copies: dict[Any, str] = field(default_factory=dict)
    forwards: set[tuple[Any, Any]] = field(default_factory=set)


@dataclass
class World:
    """Channels that post things of their own, and copy things of others."""

    rng: random.Random
    channels: list[Any]
    posts: int = 0
    works: list[Work] = field(default_factory=list)

    def post(self, channel, *, text="", picture=None, **fields):
        self.posts += 1
        return make.post(
            of=channel, media=[picture] if picture else [], content=text,
            telegram_message_id=self.posts,
            posted_at=make.START + timedelta(minutes=self.posts), **fields,
        )  # fmt: skip

    def text(self):
        return " ".join(self.rng.choices(WORDS, k=12)) + f" {self.rng.random()}"

    def picture(self):
        return make.media_object(owner=self.channels[0].tenant, body=self.rng.randbytes(40))

    def original(self):
        text, picture = self.text(), self.picture()
        first = self.post(self.rng.choice(self.channels), text=text, picture=picture)
        work = Work(first)
        self.works.append(work)
        return work, text, picture

    def near(self, picture):
        """The picture once more, encoded anew: another file that shows the same."""
        other, owner = self.picture(), self.channels[0].tenant
        bits = self.rng.getrandbits(250)
        for one, value in ((picture, bits), (other, bits ^ 3)):
            hash_index.remember(tenant=owner, sha256=one.file_sha256, phash=PHash(value, 16))
        match = hash_index.HashMatch(picture.file_sha256, 2)
        assert hash_index.reuse(tenant=owner, sha256=other.file_sha256, source=match)
        return other

    def forward(self, work, of, channel, *, text, picture):
        copy = self.post(
            channel, text=text, picture=picture, is_forward=True,
            forward_from_chat_id=of.channel.tg_channel_id, forward_date=of.posted_at,
            forward_from_message_id=of.telegram_message_id, forward_from_name=of.channel.title,
        )  # fmt: skip
        work.copies[copy] = "forward"
        work.forwards.add((of, copy))
        return copy


def generate(seed, *, channels=20, works=8):
    owner = make.tenant()
    world = World(random.Random(seed), [make.channel(owner=owner) for _ in range(channels)])
    for _ in range(works):
        work, text, picture = world.original()
        holders = [work.first]
        for _ in range(world.rng.randint(0, 6)):
            channel, way = world.rng.choice(world.channels), world.rng.randrange(4)
            if way == 0:
                of = world.rng.choice(holders)
                holders.append(world.forward(work, of, channel, text=text, picture=picture))
            elif way == 1:
                stolen = f"{text.upper()}!!\n@{channel.username} https://t.me/{channel.username}"
                work.copies[world.post(channel, text=stolen)] = "same_text"
            elif way == 2:
                work.copies[world.post(channel, text=world.text(), picture=picture)] = (
                    "same_picture"
                )
            else:
                same = world.post(channel, text=world.text(), picture=world.near(picture))
                work.copies[same] = "near_picture"
        world.post(world.rng.choice(world.channels), text=world.text(), picture=world.picture())
    ids = list(Post.objects.filter(tenant=owner).values_list("pk", flat=True))
    random.Random(seed).shuffle(ids)  # in whichever order they become known
    for start in range(0, len(ids), 17):
        index(Changed(posts=ids[start : start + 17]))
    return world


@pytest.mark.costly
@pytest.mark.parametrize("seed", [20])
def test_every_copy_is_found_and_none_is_invented(graph, seed):
    world = generate(seed)
    assert {way for work in world.works for way in work.copies.values()} == {
        "forward", "same_text", "same_picture", "near_picture",
    }  # fmt: skip

    for work in world.works:
        found = spread(work.first.pk)
        expected = sorted([work.first, *work.copies], key=lambda one: one.posted_at)

        assert [one.key for one in found.posts] == [str(one.pk) for one in expected]
        assert found.first.key == str(work.first.pk)
        assert {one.key: one.ways for one in found.posts if one.key != str(work.first.pk)} == {
            str(copy.pk): {way} | ({"same_text", "same_picture"} if way == "forward" else set())
            for copy, way in work.copies.items()
        }
        forwards = {(hop.source, hop.target) for hop in found.hops if "forward" in hop.ways}
        assert forwards == {(str(of.pk), str(copy.pk)) for of, copy in work.forwards}
        others = {
            (hop.source, hop.target): hop.ways for hop in found.hops if "forward" not in hop.ways
        }
        assert others == {
            (str(work.first.pk), str(copy.pk)): (way,)
            for copy, way in work.copies.items()
            if way != "forward"
        }
        passed = (expected[-1].posted_at - work.first.posted_at).total_seconds()
        assert found.seconds == passed


def test_whichever_copy_is_asked_about_the_first_is_the_same(graph):
    world = generate(3, channels=5, works=2)
    work = max(world.works, key=lambda one: len(one.forwards))
    for _of, copy in work.forwards:
        assert spread(copy.pk).first.key == str(work.first.pk)


def test_the_source_of_a_forward_need_not_be_in_the_archive(graph):
    channel = make.channel()
    at = make.NOW - timedelta(days=3)
    copy = make.post(
        of=channel, content="", is_forward=True, forward_from_chat_id=-100777, forward_date=at,
        forward_from_message_id=9, forward_from_name="Чужой канал",
    )  # fmt: skip
    index(Changed(posts=[copy.pk]))

    found = spread(copy.pk)

    source = channel_id(channel.tenant_id, -100777)
    assert found.first.key == str(post_id(source, 9))
    assert found.first.archived is False
    assert found.first.channel == "Чужой канал"
    assert [hop.ways for hop in found.hops] == [("forward",)]
    assert found.seconds == (copy.posted_at - at).total_seconds()


def test_an_export_names_the_channel_of_a_forward_and_not_the_message(graph):
    channel = make.channel()
    copy = make.post(
        of=channel,
        content="",
        is_forward=True,
        forward_from_chat_id=-100778,
        forward_from_name="Чужой",
    )
    index(Changed(posts=[copy.pk]))

    found = spread(copy.pk)

    assert [(one.channel, one.archived) for one in found.posts] == [
        (channel.title, True),
        ("Чужой", False),
    ]
    assert found.posts[1].posted_at == ""
    assert found.hops[0].source == str(channel_id(channel.tenant_id, -100778))
    assert found.hops[0].seconds is None


def test_the_same_link_is_shown_and_leads_no_further(graph):
    channel = make.channel()
    link = "https://example.com/news"
    one = make.post(of=channel, content="", urls=[link])
    two = make.post(
        of=channel, content="река мост город вечер поезд книга окно", urls=[f"{link}?utm_source=x"]
    )
    three = make.post(of=channel, content="река мост город вечер поезд книга окно")
    index(Changed(posts=[one.pk, two.pk, three.pk]))

    assert {seen.key: seen.ways for seen in spread(one.pk).posts} == {
        str(one.pk): set(), str(two.pk): {"same_link"},
    }  # fmt: skip


def test_channels_share_what_both_have_and_who_had_it_first_is_counted(graph):
    owner = make.tenant()
    a, b, c = (make.channel(owner=owner) for _ in range(3))
    picture = make.media_object(owner=owner)
    text = "река мост город вечер поезд книга окно"
    first = make.post(of=a, content=text, media=[picture], posted_at=make.NOW)
    posts = [
        first,
        make.post(of=b, content=text, media=[picture], posted_at=make.NOW + timedelta(hours=1)),
        make.post(of=a, content="", urls=["https://example.com/x"], posted_at=make.NOW + timedelta(hours=3)),
        make.post(of=b, content="", urls=["https://example.com/x"], posted_at=make.NOW + timedelta(hours=2)),
        make.post(
            of=c, content="", posted_at=make.NOW + timedelta(hours=9), forward_from_chat_id=a.tg_channel_id,
            forward_from_message_id=first.telegram_message_id, forward_from_name=a.title,
        ),
        make.post(of=c, content="", forward_from_chat_id=-100779, forward_from_name="Чужой"),
    ]  # fmt: skip
    index(Changed(posts=[one.pk for one in posts]))

    pairs = {frozenset((one.first, one.second)): one for one in shared_content([owner.pk])}

    both = pairs[frozenset((str(a.pk), str(b.pk)))]
    assert (both.pictures, both.texts, both.links, both.shared) == (1, 1, 1, 3)
    earlier = {both.first: both.first_earlier, both.second: both.second_earlier}
    assert earlier == {str(a.pk): 2, str(b.pk): 1}
    forwards = pairs[frozenset((str(a.pk), str(c.pk)))]
    to_c = (
        forwards.forwards_to_second if forwards.second == str(c.pk) else forwards.forwards_to_first
    )
    assert (to_c, forwards.shared) == (1, 1)
    away = str(channel_id(owner.pk, -100779))
    assert pairs[frozenset((str(c.pk), away))].names[away] == "Чужой"
    assert len(pairs) == 3
    assert {
        frozenset((one.first, one.second)) for one in shared_content([owner.pk], channel=b.pk)
    } == {frozenset((str(a.pk), str(b.pk)))}
    assert shared_content([make.tenant().pk]) == []


class TestPaths:
    def test_what_is_shared_says_more_than_a_tag_and_a_tag_more_than_a_channel(self, graph):
        owner = make.tenant()
        channel, other = make.channel(owner=owner), make.channel(owner=owner)
        picture = make.media_object(owner=owner)
        one = make.post(of=channel, media=[picture], hashtags=["а"])
        two = make.post(of=other, media=[picture], hashtags=["а"])
        tagged = make.post(of=other, hashtags=["а"])
        alone = make.post(of=channel)
        nobody = make.post(of=make.channel(owner=owner))
        index(Changed(posts=[p.pk for p in (one, two, tagged, alone, nobody)]))

        def kinds(first, second):
            found = find_path(first.pk, second.pk)
            return found if found is None else [step.kind for step in found]

        assert kinds(one, two) == ["HAS_IMAGE", "HAS_IMAGE"]
        assert kinds(one, tagged) == ["TAGGED_AS", "TAGGED_AS"]
        assert kinds(one, alone) == ["HAS_POST", "HAS_POST"]
        assert kinds(one, nobody) is None
        assert kinds(one, one) == []

    def test_a_path_goes_through_several_posts_and_says_which_way_each_relation_leads(self, graph):
        channel = make.channel()
        posts = [
            make.post(of=channel, telegram_message_id=number, reply_to_message_id=number - 1)
            for number in range(50, 54)
        ]
        index(Changed(posts=[p.pk for p in posts]))

        found = find_path(posts[0].pk, posts[3].pk)

        assert [(step.kind, step.forward) for step in found] == [("REPLIES_TO", False)] * 3
        assert [step.end.key for step in found] == [str(p.pk) for p in posts[1:]]
        assert [step.forward for step in find_path(posts[3].pk, posts[0].pk)] == [True] * 3
