"""More like this: by meaning, by picture, in the API, the console and the command."""

import io
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django.utils.translation import override
from PIL import Image

from events.delivery import worker
from media.models import MediaRole, Post
from search.services.indexing.index_words import index_words
from search.services.similar.posts import By, similar_to
from tests import factories as make
from tests.searching import SIMILAR, album, get, ids, index, keys, member_of, write
from vision.duplicates import hash_index
from vision.duplicates.phash import PHash

SAMPLE = Path("telegram_assistant/sample/ChatExport_2026-11-01/photos")

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]


@pytest.fixture
def channel():
    return make.channel(title="Горные новости", username="Mountains", tg_channel_id=-1001234567890)


@pytest.fixture
def other():
    """A channel of another tenant."""
    return make.channel(title="Чужие новости", username="foreign")


@pytest.fixture
def bob(channel):
    return member_of(channel)


def compressed_again(path):
    body = io.BytesIO()
    with Image.open(path) as picture:
        picture.resize([side * 3 // 4 for side in picture.size]).save(body, "JPEG", quality=60)
    return body.getvalue()


class TestSimilar:
    def pictured(self, channel, bits, text="", *, body=b""):
        media = make.media_object(owner=channel.tenant, body=body)
        hash_index.remember(
            tenant=channel.tenant, sha256=media.file_sha256, phash=PHash(bits << 100, 16)
        )
        return write(channel, text, media=[media])

    def test_by_meaning_the_nearest_come_first_and_not_itself(self, bob, channel):
        post = write(channel, "кошка спит на окне")
        near = write(channel, "кошка спит на диване")
        far = write(channel, "биржа закрылась ростом")

        body = get(bob, SIMILAR, post=str(post.pk), by="meaning")

        assert (body["post_id"], body["degraded"]) == (str(post.pk), [])
        assert ids(body) == keys(near, far)
        distances = [hit["reasons"]["distance"] for hit in body["hits"]]
        assert distances == sorted(distances)

    @pytest.mark.parametrize("name", ["t.me/mountains/45", "45", "{pk}", " {pk} "])
    def test_the_post_is_named_by_id_link_or_number(self, bob, channel, name):
        post = write(channel, "кошка спит", telegram_message_id=45)

        assert get(bob, SIMILAR, post=name.format(pk=post.pk))["post_id"] == str(post.pk)

    @pytest.mark.costly
    def test_by_picture_copies_come_first_the_nearest_before_the_others(self, bob, channel):
        post = self.pictured(channel, 0b1111)
        near = self.pictured(channel, 0b11111111)
        nearer = self.pictured(channel, 0b111111)
        self.pictured(channel, (1 << 60) - 1)
        same = make.post(of=channel, content="", media=[post.post_media.get().media_object])
        index(same)

        body = get(bob, SIMILAR, post=str(post.pk), by="picture")

        assert ids(body) == keys(same, nearer, near)
        found = [hit["reasons"]["same_picture"]["distance"] for hit in body["hits"]]
        assert found == [0, 2, 4]
        assert [len(hit["reasons"]["pictures"]) for hit in body["hits"]] == [1, 1, 1]

    def test_a_copy_that_shares_an_analysis_is_found_from_either_side(self, bob, channel):
        source, copy = self.pictured(channel, 0b1111), self.pictured(channel, 0b111111)
        shas = [one.post_media.get().media_object.file_sha256 for one in (source, copy)]
        hash_index.reuse(
            tenant=channel.tenant, sha256=shas[1], source=hash_index.HashMatch(shas[0], 2)
        )

        assert ids(get(bob, SIMILAR, post=str(source.pk), by="picture")) == keys(copy)
        assert ids(get(bob, SIMILAR, post=str(copy.pk), by="picture")) == keys(source)

    @pytest.mark.parametrize("order", ["abc", "acb", "bac", "bca", "cab", "cba"])
    def test_copies_are_found_in_whatever_order_they_came(self, bob, channel, order):
        """`b` is near to both others, which are too far from each other; each reuses the first it can."""
        bits = {"a": 0, "b": (1 << 8) - 1, "c": (1 << 16) - 1}
        posts: dict[str, Any] = {}
        for name in order:
            posts[name] = self.pictured(channel, bits[name])
            media = posts[name].post_media.get().media_object
            hashed = PHash(bits[name] << 100, 16)
            near = hash_index.find_similar(
                tenant=channel.tenant, phash=hashed, exclude=media.file_sha256
            )
            for one in near[:1]:
                hash_index.reuse(tenant=channel.tenant, sha256=media.file_sha256, source=one)

        def alike(name):
            return set(ids(get(bob, SIMILAR, post=str(posts[name].pk), by="picture")))

        assert alike("b") == set(keys(posts["a"], posts["c"]))
        assert set(keys(posts["b"])) <= alike("a")
        assert set(keys(posts["b"])) <= alike("c")

    @pytest.mark.costly
    @pytest.mark.django_db(transaction=True)
    def test_without_a_paid_provider_copies_are_found_as_well(self, archive, ocr):
        """Nothing is configured but Tesseract; Telegram compressed the second picture again."""
        [photo] = SAMPLE.glob("photo_1@*.jpg")
        [another] = SAMPLE.glob("photo_8@*.jpg")
        post = archive.post(photo.read_bytes())
        copy = archive.post(compressed_again(photo))
        archive.post(another.read_bytes())

        worker.drain("vision")

        found = similar_to(post, by=By.PICTURE).hits
        assert [hit.post_id for hit in found.hits] == [copy.pk]
        assert found.hits[0].picture.distance <= 10

    def test_what_a_person_marked_as_distinct_is_no_copy(self, bob, channel):
        one, two = self.pictured(channel, 0b1111), self.pictured(channel, 0b111111)
        first, second = (p.post_media.get().media_object.file_sha256 for p in (one, two))
        make.distinctions.mark_distinct(
            tenant=channel.tenant, first=first, second=second, user=make.superuser(), now=make.NOW
        )

        assert ids(get(bob, SIMILAR, post=str(one.pk), by="picture")) == []

    def test_thumbnails_make_no_posts_alike(self, bob, channel):
        thumbnail = make.media_object(owner=channel.tenant)
        one, two = write(channel, "раз"), write(channel, "два")
        for post in (one, two):
            make.show(post, thumbnail, role=MediaRole.THUMBNAIL)

        assert ids(get(bob, SIMILAR, post=str(one.pk), by="picture")) == []

    def test_by_any_pictures_come_first_then_meaning(self, bob, channel):
        post = self.pictured(channel, 0b1111, "кошка спит")
        copy = self.pictured(channel, 0b111111, "курс валют")
        near = write(channel, "кошка спит")

        assert ids(get(bob, SIMILAR, post=str(post.pk))) == keys(copy, near)

    def test_an_album_is_one_hit_and_its_own_items_are_none(self, bob, channel):
        own = album(channel, "кошка спит", "кошка ест")
        others = album(channel, "кошка спит", "кошка ест")

        [hit] = get(bob, SIMILAR, post=str(own[0].pk))["hits"]

        assert hit["post_id"] in keys(*others)
        assert hit["album"]["items"] == 2

    def test_without_vectors_it_goes_by_words_and_says_so(self, bob, channel):
        post = make.post(of=channel, content="кошка спит на диване")
        near, _ = (make.post(of=channel, content=text) for text in ("кошка на диване", "биржа"))
        index_words([one.pk for one in Post.objects.all()], now=timezone.now())

        body = get(bob, SIMILAR, post=str(post.pk))

        assert ids(body) == keys(near)
        assert body["degraded"] == ["only by words: the meaning of this post is not indexed"]

    def test_a_post_without_text_and_picture_is_like_none(self, bob, channel):
        post = write(channel, "")
        write(channel, "кошка")

        body = get(bob, SIMILAR, post=str(post.pk))

        assert (ids(body), body["degraded"]) == ([], [])

    @pytest.mark.costly
    def test_nothing_of_others_is_shown_or_found(self, bob, channel, other):
        media = b"the same file"
        mine = self.pictured(channel, 0b1111, "кошка спит", body=media)
        foreign = self.pictured(other, 0b1111, "кошка спит", body=media)

        assert ids(get(bob, SIMILAR, post=str(mine.pk))) == []
        for name in (str(foreign.pk), foreign.telegram_post_url, "nothing", "77777"):
            assert bob.get(SIMILAR, {"post": name}).status_code == 404
            page = bob.get("/admin/find/", {"like": name}).content.decode()
            assert "There is no such post." in page
            assert "кошка" not in page

    @pytest.mark.parametrize(
        "parameters", [{}, {"post": ""}, {"post": "45", "by": "taste"}, {"post": "45", "limit": "0"},
                       {"post": "x" * 301}],
    )  # fmt: skip
    def test_a_bad_value_is_refused(self, bob, channel, parameters):
        assert bob.get(SIMILAR, parameters).status_code == 422

    @pytest.mark.parametrize("name", ["\x00", "\ud800", "'", "9" * 300, "t.me/a/" + "9" * 19])
    def test_any_name_of_a_post_will_do(self, bob, channel, name):
        address = f"{SIMILAR}?post={name.encode('utf-8', 'replace').decode()}"
        assert bob.get(address.replace("\x00", "%00")).status_code in {404, 422}
        assert bob.get("/admin/find/", {"like": name.replace("\ud800", "")}).status_code == 200

    def test_the_page_of_hits_leads_there(self, bob, channel):
        post, near = write(channel, "кошка спит"), write(channel, "кошка ест")

        page = bob.get("/admin/find/", {"q": "спит"}).content.decode()
        alike = bob.get("/admin/find/", {"like": str(post.pk)}).content.decode()

        assert f'href="?like={post.pk}"' in page
        assert f"/media/post/{near.pk}/" in alike


class TestCommand:
    def run(self, *arguments):
        out, err = StringIO(), StringIO()
        with override("en"):
            call_command("search", *arguments, stdout=out, stderr=err)
        return out.getvalue()

    def test_like_prints_similar_posts_and_why(self, channel):
        post, near = write(channel, "кошка спит"), write(channel, "кошка спит и ест")

        report = json.loads(self.run("--like", str(post.pk), "--by", "meaning", "--json"))
        text = self.run("--like", post.telegram_post_url)

        assert [hit["post_id"] for hit in report["hits"]] == keys(near)
        assert "кошка спит и ест" in text
        assert "distance of meaning" in text

    def test_a_post_that_does_not_exist_and_a_query_beside_it_are_refused(self, channel):
        for arguments in (["--like", "45"], [], ["снег", "--like", "45"]):
            with pytest.raises(CommandError):
                self.run(*arguments)
