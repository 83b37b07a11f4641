"""Rebuilt equals live after a random day; comparing, repairing, going on; the graph's other doors."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Role
from albums.models import MediaGroup, MediaGroupItem
from crawl.models import CrawledPage
from events import projections
from events.projections import CannotCompare
from graph.services import notes, rebuild
from graph.services.index import index
from graph.sources.read import Changed
from graph.store import connection
from media.models import Channel, Post, PostMedia
from tests import factories as make
from tests.graph_world import dump, erase
from vision.models import PostTag
from vision.tagging import rows
from vision.tagging.by_hand import people, synonyms

pytestmark = pytest.mark.django_db
TEXTS = ("", "река мост город вечер поезд книга окно", "камень письмо ветер рынок сад море дорога")
NUMBERS = range(1, 7)
DO = st.one_of(
    st.tuples(st.just("post"), st.sampled_from(NUMBERS), st.sampled_from(TEXTS)),
    st.tuples(st.just("delete"), st.sampled_from(NUMBERS), st.none()),
    st.tuples(st.just("tags"), st.sampled_from(NUMBERS), st.sets(st.sampled_from("абв"))),
    st.tuples(st.just("links"), st.sampled_from(NUMBERS), st.sets(st.sampled_from("xyz"))),
    st.tuples(st.just("reply"), st.sampled_from(NUMBERS), st.sampled_from((None, *NUMBERS))),
    st.tuples(st.just("forward"), st.sampled_from(NUMBERS), st.sampled_from((None, *NUMBERS))),
    st.tuples(st.just("pictures"), st.sampled_from(NUMBERS), st.sets(st.integers(0, 2))),
    st.tuples(
        st.just("album"), st.sampled_from(NUMBERS), st.sets(st.sampled_from(NUMBERS), min_size=1)
    ),
    st.tuples(st.just("rename"), st.none(), st.text("абв", min_size=1, max_size=3)),
    st.tuples(st.just("retag"), st.sampled_from(NUMBERS), st.sampled_from("абв")),
    st.tuples(st.just("untag"), st.sampled_from(NUMBERS), st.sampled_from("абв")),
    st.tuples(st.just("merge"), st.none(), st.permutations("абв")),
    st.tuples(st.just("surer"), st.none(), st.integers(0, 8)),
    st.tuples(st.just("recrawl"), st.none(), st.tuples(st.sampled_from("xyz"), st.integers(0, 5))),
    st.tuples(st.just("mark"), st.sampled_from(NUMBERS), st.booleans()),
    st.tuples(st.just("everything"), st.none(), st.none()),
)


class Day:
    """An archive that changes, and a graph that is told of it as events and notes would."""

    def __init__(self):
        self.owner, self.person = make.tenant(), make.superuser()
        self.channel = make.channel(owner=self.owner)
        self.pictures = [make.media_object(owner=self.owner) for _ in range(3)]
        near = make.near_duplicate(owner=self.owner)
        self.pictures.append(
            type(self.pictures[0]).objects.get(tenant=self.owner, file_sha256=near.sha256)
        )

    def do(self, what, number, value):
        getattr(self, f"_{what}")(number, value)

    def everything(self):
        return Changed(
            posts=list(Post.objects.filter(tenant=self.owner).values_list("pk", flat=True)),
            albums=list(MediaGroup.objects.filter(tenant=self.owner).values_list("pk", flat=True)),
        )

    def _row(self, number):
        return Post.objects.filter(channel=self.channel, telegram_message_id=number)

    def _change(self, number, **fields):
        self._row(number).update(**fields)
        index(Changed(posts=list(self._row(number).values_list("pk", flat=True))))

    def _post(self, number, text):
        if not self._row(number).exists():
            make.post(of=self.channel, telegram_message_id=number)
        self._change(number, content=text)

    def _delete(self, number, _):
        self._row(number).delete()
        notes.read_notes()

    def _tags(self, number, tags):
        self._change(number, hashtags=sorted(tags))

    def _links(self, number, names):
        self._change(number, urls=[f"https://example.com/{name}" for name in sorted(names)])

    def _reply(self, number, to):
        self._change(number, reply_to_message_id=to)

    def _forward(self, number, of):
        chat = None if of is None else self.channel.tg_channel_id if of % 2 else -1009
        self._change(number, forward_from_chat_id=chat, forward_from_message_id=of)

    def _pictures(self, number, shown):
        if post := self._row(number).first():
            PostMedia.objects.filter(post=post).delete()
            for one in sorted(shown):
                make.show(post, self.pictures[3 - one])
            self._change(number)

    def _album(self, number, members):
        group = MediaGroup.objects.filter(channel=self.channel, grouped_id=number).first()
        group = group or MediaGroup.objects.create(
            tenant=self.owner, channel=self.channel, grouped_id=number, album_kind="photo", posted_at=make.NOW
        )  # fmt: skip
        MediaGroupItem.objects.filter(group=group).delete()
        posts = Post.objects.filter(
            channel=self.channel, telegram_message_id__in=members, album_item=None
        )
        for position, post in enumerate(posts.order_by("pk")):
            MediaGroupItem.objects.create(
                group=group, post=post, position=position, media_kind="photo"
            )
        notes.read_notes()
        index(Changed(albums=[group.pk]))

    def _rename(self, _, title):
        Channel.objects.filter(pk=self.channel.pk).update(title=title)
        notes.read_notes()

    def _retag(self, number, name):
        """A tagger that looks at a post again; the event about it comes."""
        if post := self._row(number).first():
            [tag] = rows.tags_of(self.owner, [name]).values()
            PostTag.objects.update_or_create(
                post=post, tag=tag,
                defaults={"tenant": self.owner, "origin": "model", "confidence": 0.8,
                          "state": "accepted", "decided_at": None},
            )  # fmt: skip
            index(Changed(posts=[post.pk]))

    def _untag(self, number, name):
        """A person removes a tag, also one that only the text says."""
        if post := self._row(number).first():
            row = people.add(post, name, user=self.person, now=make.NOW)
            people.remove(row, user=self.person, now=make.NOW)
            index(Changed(posts=[post.pk]))

    def _merge(self, _, names):
        tags = rows.tags_of(self.owner, names[:2])
        one, other = (tags[name] for name in names[:2])
        if one != other:
            synonyms.merge(one, other, now=make.NOW)
            index(self.everything())  # of hashtags that nobody has tagged no event tells

    def _surer(self, _, eighths):
        PostTag.objects.filter(tenant=self.owner).update(confidence=eighths / 8)
        notes.read_notes()

    def _recrawl(self, _, what):
        """A page is read, changes, is gone, or loses its HTML; one that no post has, too."""
        name, change = what
        url = f"https://example.com/{name}"
        page = CrawledPage.objects.filter(tenant=self.owner, url=url).first()
        page = page or make.article(owner=self.owner, url=url)
        page.title, page.html_key = f"Title {change}", "" if change == 1 else f"crawl/{name}.html"
        page.gone_since = make.NOW if change == 2 else None
        page.save()
        notes.read_notes()

    def _mark(self, number, is_deleted):
        how, at = ("live", make.NOW) if is_deleted else ("", None)
        self._row(number).update(deletion=how, deleted_at=at)
        notes.read_notes()

    def _everything(self, *_):
        index(self.everything())


def rebuilt(owner):
    posts, albums = Post.objects.filter(tenant=owner), MediaGroup.objects.filter(tenant=owner)
    return sum(done.written.changed for done in rebuild.rebuild(posts, albums))


def _compare_after(steps):
    day = Day()
    for number in NUMBERS:
        day.do("post", number, TEXTS[number % 3])
    for step in steps:
        day.do(*step)
    live = dump(day.owner.pk)
    assert rebuilt(day.owner) == 0
    assert dump(day.owner.pk) == live
    erase(day.owner.pk)
    rebuilt(day.owner)
    assert dump(day.owner.pk) == live


@settings(max_examples=1, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(DO, min_size=8, max_size=20))
def test_rebuilt_equals_live_after_a_random_day(graph, steps):
    _compare_after(steps)


@pytest.mark.long
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(DO, min_size=40, max_size=150))
def test_rebuilt_equals_live_after_many_random_days(graph, steps):
    _compare_after(steps)


@pytest.fixture
def world(graph):
    """A tenant with an album of two posts, and a post of its own, all in the graph."""
    owner = make.tenant()
    channel = make.channel(owner=owner)
    album = make.album(of=channel, pictures=[make.media_object(owner=owner) for _ in range(2)])
    make.post(of=channel, hashtags=["а"], content=TEXTS[1])
    rebuilt(owner)
    return owner, channel, album


class TestVerifying:
    def compare(self, owner, **options):
        return next(p for p in projections.registered() if p.name == "graph").compare(
            owner.pk, **options
        )

    def test_a_graph_that_is_right_agrees(self, world):
        found = self.compare(world[0])

        assert (found.expected, found.stored, found.compared, found.unresolved) == (4, 4, 4, 0)

    @pytest.mark.costly
    def test_what_is_missing_different_or_too_much_is_found_and_repaired(self, world):
        owner, channel, _album = world
        gone, other, kept = Post.objects.filter(tenant=owner).order_by("telegram_message_id")
        ghost = make.post(of=channel)
        index(Changed(posts=[ghost.pk]))
        key, ghost_key = str(gone.pk), str(ghost.pk)
        ghost.delete()  # and nobody reads the note
        for query in (
            "MATCH (n:Post {key: $key}) DETACH DELETE n",
            "MATCH (:Post {key: $other})-[r:HAS_IMAGE]->() DELETE r",
            "MATCH (n:Post {key: $kept}) SET n.content = 'x'",
        ):
            connection.write(
                lambda run, query=query: run.run(
                    query, key=key, other=str(other.pk), kept=str(kept.pk)
                ).consume()
            )

        found = self.compare(owner)
        repaired = self.compare(owner, repair=True)

        assert set(found.examples) >= {
            f"missing {key}",
            f"extra {ghost_key}",
            f"different {other.pk}",
            f"different {kept.pk}",
        }
        assert found.unresolved >= 4
        assert repaired.unresolved == 0
        assert self.compare(owner).unresolved == 0

    def test_a_tenant_is_compared_with_its_own_nodes_only(self, world):
        found = self.compare(make.tenant())

        assert (found.expected, found.stored, found.compared) == (0, 0, 0)

    def test_a_sample_is_of_about_so_many(self, world):
        assert self.compare(world[0], most=1).compared <= 2

    def test_a_graph_that_is_down_is_said_to_be(self, no_graph_answers):
        with pytest.raises(CannotCompare, match="NEO4J_URL"):
            self.compare(make.tenant())

    def test_without_a_graph_there_is_nothing_to_compare(self):
        assert "graph" not in {one.name for one in projections.registered()}


def run(*words):
    out, err = StringIO(), StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


class TestCommands:
    def test_rebuild_says_what_it_did(self, world):
        owner, *_ = world
        erase(owner.pk)

        out, _ = run("rebuild_graph", "--tenant", str(owner.pk), "--json")

        assert json.loads(out)["rows"] == 4
        assert (
            json.loads(run("rebuild_graph", "--tenant", str(owner.pk), "--json")[0])["nodes"] == 0
        )

    @pytest.mark.costly
    def test_an_interrupted_rebuild_says_how_to_go_on_and_goes_on(self, world, monkeypatch):
        owner, channel, _ = world
        for number in range(6):
            make.post(of=channel, posted_at=make.NOW - timedelta(days=number // 3))
        erase(owner.pk)
        monkeypatch.setattr(rebuild, "BATCH", 2)
        calls = iter(range(100))

        def interrupted(changed, **options):
            if next(calls) == 2:
                raise KeyboardInterrupt
            return index(changed, **options)

        with monkeypatch.context() as patch:
            patch.setattr(rebuild, "index", interrupted)
            err = StringIO()
            with pytest.raises(KeyboardInterrupt):
                call_command(
                    "rebuild_graph", "--tenant", str(owner.pk), stderr=err, stdout=StringIO()
                )
        run("rebuild_graph", "--tenant", str(owner.pk), *err.getvalue().split(": ", 1)[1].split())

        found = dump(owner.pk)["nodes"]
        assert sum(label == "Post" and node["archived"] for (label, _), node in found.items()) == 9
        assert sum(label == "Album" for label, _ in found) == 1

    def test_since_leaves_what_is_older(self, world):
        owner, channel, _ = world
        old = make.post(of=channel, posted_at=make.NOW - timedelta(days=400))
        erase(owner.pk)
        run("rebuild_graph", "--tenant", str(owner.pk), "--since", "2026-01-01")

        assert ("Post", str(old.pk)) not in dump(owner.pk)["nodes"]

    def test_the_three_questions(self, world):
        owner, channel, album = world
        first, second = (item.post for item in album.items.order_by("position"))

        found = json.loads(run("graph", "spread", str(first.pk), "--json")[0])
        way = json.loads(run("graph", "path", str(first.pk), str(second.pk), "--json")[0])
        pairs = json.loads(run("graph", "channels", "--tenant", str(owner.pk), "--json")[0])

        assert [one["key"] for one in found["posts"]] == [str(first.pk)]
        assert [step["kind"] for step in way["steps"]] == ["CONTAINS", "CONTAINS"]
        assert pairs == {"pairs": []}
        assert channel.title in run("graph", "spread", str(first.pk))[0]
        assert "-[CONTAINS]->" in run("graph", "path", str(first.pk), str(second.pk))[0]
        assert run("graph", "channels", "--tenant", str(owner.pk))[0]
        with pytest.raises(CommandError):
            run("graph", "spread", "nothing")

    @pytest.mark.parametrize("role", Role)
    def test_with_a_user_they_do_no_more_than_he_may(self, world, role):
        owner, other = world[0], make.tenant()
        user, foreign = make.member(role, owner), make.post(of=make.channel(owner=other))
        mine = Post.objects.filter(tenant=owner).first()
        is_operator = role != Role.VIEWER

        def allowed(*words):
            try:
                run(words[0], "--as", user.username, *words[1:])
            except CommandError:
                return False
            return True

        assert allowed("graph", "spread", str(mine.pk))
        assert not allowed("graph", "spread", str(foreign.pk))
        assert not allowed("graph", "path", str(mine.pk), str(foreign.pk))
        assert allowed("graph", "channels", "--tenant", str(owner.pk))
        assert not allowed("graph", "channels", "--tenant", str(other.pk))
        assert allowed("rebuild_graph", "--tenant", str(owner.pk)) is is_operator
        assert not allowed("rebuild_graph")
        assert not allowed("rebuild_graph", "--tenant", str(other.pk))

    def test_keys_can_be_made_at_any_time(self, graph):
        assert run("install_labels")[0]

    @pytest.mark.parametrize(
        "words", [("rebuild_graph",), ("install_labels",), ("graph", "channels")]
    )
    def test_without_a_graph_they_say_what_to_set(self, words):
        with pytest.raises(CommandError, match="NEO4J_URL"):
            run(*words)


class TestApi:
    @pytest.fixture
    def ask(self, world, client):
        client.force_login(make.member(Role.VIEWER, world[0]))

        def ask(address, status=200):
            reply = client.get(f"/api/v1/graph/{address}")
            assert reply.status_code == status, reply.content
            return reply.json()

        return ask

    def test_albums_and_their_posts(self, world, ask):
        _, channel, album = world

        assert [one["album_id"] for one in ask(f"channels/{channel.pk}/albums")["albums"]] == [
            album.pk
        ]
        assert [one["position"] for one in ask(f"albums/{album.pk}/posts")["posts"]] == [0, 1]
        assert ask("albums?tags=а,б")["albums"] == []
        ask("albums", 422)
        ask(f"channels/{channel.pk}/albums?limit=0", 422)

    def test_spread_path_and_shared_content(self, world, ask):
        first, second = (item.post for item in world[2].items.order_by("position"))

        assert ask(f"posts/{first.pk}/spread")["first"]["post_id"] == str(first.pk)
        assert len(ask(f"path?first={first.pk}&second={second.pk}")["steps"]) == 2
        assert ask("channels")["pairs"] == []
        assert ask(f"channels?channel_id={world[1].pk}")["pairs"] == []

    def test_of_others_nothing_is_said(self, world, ask):
        foreign = make.album(of=make.channel(), pictures=[make.media_object()])
        post = foreign.items.get().post

        for address in (
            f"posts/{post.pk}/spread", f"channels/{foreign.channel_id}/albums", f"albums/{foreign.pk}/posts",
            f"path?first={post.pk}&second={post.pk}", f"channels?channel_id={foreign.channel_id}",
        ):  # fmt: skip
            ask(address, 404)

    def test_without_a_graph_the_answer_says_so(self, client):
        owner = make.tenant()
        client.force_login(make.member(Role.VIEWER, owner))
        reply = client.get("/api/v1/graph/channels")

        assert reply.status_code == 503
        assert reply.json()["code"] == "graph_off"
        assert "NEO4J_URL" in reply.json()["detail"]


class TestPage:
    def test_it_lists_and_draws_what_the_api_tells(self, world, client):
        client.force_login(make.member(Role.VIEWER, world[0]))
        first, second = (item.post for item in world[2].items.order_by("position"))

        spread = client.get("/admin/graph/", {"post": first.telegram_post_url}).content.decode()
        path = client.get(
            "/admin/graph/", {"first": first.pk, "second": second.pk}
        ).content.decode()
        shared = client.get("/admin/graph/").content.decode()

        assert 'id="graph-elements"' in spread
        assert f"/admin/media/post/{first.pk}/change/" in spread
        assert "CONTAINS" in path
        assert "<table>" in shared

    def test_a_foreign_post_is_as_unknown_as_none(self, world, client):
        client.force_login(make.member(Role.VIEWER, world[0]))
        foreign, text = make.post(), "не пост"

        for name in (str(foreign.pk), text):
            page = client.get("/admin/graph/", {"post": name}).content.decode()
            assert 'class="warning"' in page
            assert 'id="graph-elements"' not in page

    def test_without_a_graph_it_says_so(self, client):
        client.force_login(make.member(Role.VIEWER, make.tenant()))

        assert "NEO4J_URL" in client.get("/admin/graph/").content.decode()
