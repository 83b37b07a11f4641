"""Albums: the same result whatever comes first, twice, late or never."""

import random
from datetime import UTC, timedelta
from functools import partial
from hashlib import sha256

import pytest
from django.utils import timezone

from albums.models import MediaGroup, MediaGroupItem
from albums.services import assemble, claims, collect, overdue
from events.delivery import worker
from events.models import Delivery, OutboxEvent
from events.schemas import AlbumAssembledEventV1
from media.models import Post
from media.posts import album_caption
from media.posts.album_caption import AlbumCaption
from media.services import imports
from media.sources.export.source import ExportSource
from storage_quota.object_store import StoreUnavailable, files, get_store
from tests import factories as make
from tests.concurrency import in_threads
from tests.unit.exports import chat, photo, write
from vision import providers
from vision.models import PostEnrichment
from vision.providers.fake import FakeVision
from vision.providers.port import OcrText

pytestmark = pytest.mark.django_db(transaction=True)


SEEN = {"vision_ocr_text": "слова", "features_hash": "5" * 64}


@pytest.fixture(autouse=True)
def provider(monkeypatch):
    fake = FakeVision()
    monkeypatch.setattr(providers, "get_ocr", lambda: fake)
    return fake


@pytest.fixture
def album(archive):
    """Three photos of one album, none handled yet."""
    return [
        archive.post(f"{n}".encode(), grouped_id=-1, content="подпись" if n == 1 else "")
        for n in range(3)
    ]


def settle_everything():
    for _ in range(4):
        Delivery.objects.filter(state="pending").update(due_at=timezone.now())
        worker.drain("default")
        worker.drain("vision")


def published(topic):
    return OutboxEvent.objects.filter(topic=topic).order_by("pk")


def assembled():
    return [AlbumAssembledEventV1.model_validate(e.payload) for e in published("album.assembled")]


def answer(provider, archive, seen, *, message_id):
    """A photo of the album in which the provider sees this."""
    body = f"{message_id}".encode()
    ocr = OcrText(text=seen.pop("text"), engine="fake", confidence=1.0, words=1)
    provider.answers[sha256(body).hexdigest()] = seen | {"ocr": ocr}
    return archive.post(body, grouped_id=-1, message_id=message_id)


class TestCollecting:
    def test_fact_083_three_messages_of_one_group_are_one_album_in_order(self, archive, album):
        worker.drain("default")

        group = MediaGroup.objects.get()
        items = list(group.items.order_by("position"))
        assert [i.post_id for i in items] == [p.pk for p in album]
        assert [i.position for i in items] == [0, 1, 2]
        assert (group.album_kind, group.items_count) == ("photo", 3)
        assert group.caption_text == "подпись"
        assert group.cover_media_id == items[0].media_object_id
        assert published("albums.parsed").count() == 1
        assert published("albums.parsed").get().payload["post_ids"] == [str(p.pk) for p in album]

    def test_fact_084_kinds_of_albums(self, archive):
        archive.post(b"v1", mime="video/mp4", kind="video", grouped_id=-1)
        archive.post(b"v2", mime="video/mp4", kind="video", grouped_id=-1)
        archive.post(b"p1", grouped_id=-2)
        archive.post(b"v1", mime="video/mp4", kind="video", grouped_id=-2)
        archive.post(b"d1", mime="application/pdf", kind="document", grouped_id=-3)
        archive.post(b"d2", mime="application/pdf", kind="document", grouped_id=-3)

        worker.drain("default")

        kinds = dict(MediaGroup.objects.values_list("grouped_id", "album_kind"))
        assert kinds == {-1: "video", -2: "mixed", -3: "mixed"}

    def test_fact_085_the_same_album_again_changes_nothing(self, archive, album, now):
        settle_everything()
        before = list(MediaGroupItem.objects.order_by("pk").values_list("pk", "position"))

        for post in album:
            outcome = collect.save_media_group(post_id=str(post.pk), tenant_id=str(post.tenant_id))

        assert outcome == "unchanged"
        assert list(MediaGroupItem.objects.order_by("pk").values_list("pk", "position")) == before
        assert published("albums.parsed").count() == 1

    @pytest.mark.costly
    def test_a_late_item_takes_its_position_and_reopens_the_album(self, archive):
        first, third = (
            archive.post(b"1", grouped_id=-1, message_id=1),
            archive.post(b"3", grouped_id=-1, message_id=3),
        )
        settle_everything()
        second = archive.post(b"2", grouped_id=-1, message_id=2)
        settle_everything()

        group = MediaGroup.objects.get()
        assert list(group.items.order_by("position").values_list("post_id", flat=True)) == [
            first.pk, second.pk, third.pk,
        ]  # fmt: skip
        assert (group.version, group.meta["enrichment"]["items_count"]) == (2, 3)
        assert [e.album_version for e in assembled()] == [1, 2]

    def test_posts_that_move_to_another_album_leave_the_old_one_empty(self, archive, album, now):
        settle_everything()
        Post.objects.update(grouped_id=-7)

        for post in album:
            collect.save_media_group(post_id=str(post.pk), tenant_id=str(post.tenant_id))

        assert dict(MediaGroup.objects.values_list("grouped_id", "items_count")) == {-1: 0, -7: 3}
        assert MediaGroupItem.objects.count() == 3

    def test_a_post_that_stands_alone_after_all_leaves_the_album(self, store, tmp_path):
        """Ten neighbors of one second are an album; an eleventh shows where they are to be cut."""
        neighbors = [photo(number) for number in range(1, 10)]
        neighbors += [photo(10, text="ten"), photo(11, text="eleven")]
        tenant = make.tenant()
        for count in (10, 11):
            folder = write(tmp_path, chat(neighbors[:count]))
            source = ExportSource(folder, zone=UTC)
            imports.import_export(source=source, path=folder, tenant=tenant)
            settle_everything()

        group = MediaGroup.objects.get()
        items = group.items.order_by("position").values_list("post__telegram_message_id", flat=True)
        assert (group.items_count, list(items)) == (9, list(range(1, 10)))

    def test_eight_workers_with_the_items_of_one_album_make_one(self, archive):
        posts = [archive.post(f"{n}".encode(), grouped_id=-1, tell=False) for n in range(8)]

        def work(post):
            collect.save_media_group(post_id=str(post.pk), tenant_id=str(post.tenant_id))

        in_threads(*(partial(work, post) for post in posts))

        assert MediaGroup.objects.count() == 1
        assert sorted(MediaGroupItem.objects.values_list("position", flat=True)) == list(range(8))
        assert published("albums.parsed").count() == 1


class TestCaption:
    """What every item inherits, for tags and search; by the group alone, without the album."""

    def test_it_is_the_first_text_by_message_and_every_item_has_it(self, archive):
        of_all = [
            archive.post(
                grouped_id=-1, message_id=number, content=text, hashtags=tags, tell=False
            )
            for number, text, tags in ((9, "поздний #б", ["#б"]), (3, "", []), (5, "ранний #а", ["#а"]))
        ]  # fmt: skip
        elsewhere = make.post(grouped_id=-1, content="чужой", of=make.channel(owner=archive.tenant))
        alone = archive.post(message_id=21, content="сам по себе", tell=False)
        without = archive.post(message_id=22, grouped_id=-2, tell=False)

        found = album_caption.captions_of([*of_all, elsewhere, alone, without])

        assert {found[post.pk] for post in of_all} == {AlbumCaption("ранний #а", ("#а",))}
        assert found[elsewhere.pk].text == "чужой"
        assert alone.pk not in found
        assert found[without.pk] == AlbumCaption()

    def test_many_albums_cost_one_query_and_none_costs_none(
        self, archive, django_assert_num_queries
    ):
        posts = [archive.post(grouped_id=-n, content=f"{n}", tell=False) for n in range(1, 6)]

        with django_assert_num_queries(1):
            assert len(album_caption.captions_of(posts)) == 5
        with django_assert_num_queries(0):
            assert album_caption.captions_of([]) == {}


class TestAssembling:
    def test_fact_088_when_the_last_item_is_seen_the_album_is_assembled_once(self, archive, album):
        settle_everything()
        Delivery.objects.update(state="pending", due_at=timezone.now())
        settle_everything()

        (event,) = assembled()
        assert (event.items_count, event.items_analyzed, event.status) == (3, 3, "complete")

    @pytest.mark.sampled(3)
    @pytest.mark.parametrize("order", range(6))
    def test_fact_089_the_order_of_arrival_does_not_matter(self, archive, album, order):
        deliveries = list(Delivery.objects.values_list("pk", flat=True))
        chance = random.Random(order)

        for _ in range(6):
            chance.shuffle(deliveries)
            for step, pk in enumerate(deliveries):
                Delivery.objects.filter(pk=pk, state="pending").update(
                    due_at=timezone.now() - timedelta(seconds=len(deliveries) - step)
                )
            for queue in chance.sample(["default", "vision"], 2):
                worker.drain(queue)
            deliveries = list(Delivery.objects.values_list("pk", flat=True))
        settle_everything()

        enrichment = MediaGroup.objects.get().meta["enrichment"]
        texts = [PostEnrichment.objects.get(post=post).vision_ocr_text for post in album]
        assert enrichment["ocr_text"] == " | ".join(texts)
        assert len(assembled()) == 1

    def test_fact_091_092_the_summary_is_in_the_bucket_and_in_the_row(self, archive, album):
        settle_everything()

        group = MediaGroup.objects.get()
        key = f"album/{group.tenant_id}/{group.pk}_vision_summary_v1.json"
        document = get_store().read_json(key)
        with get_store().open(key, raw=True) as raw:
            assert raw.read(2) == b"\x1f\x8b"
        assert document.keys() >= {
            "album_id", "grouped_id", "tenant_id", "channel_id", "items_count", "items_analyzed",
            "vision_summary", "vision_labels", "ocr_text", "has_meme", "has_text",
            "assembly_completed_at", "assembly_lag_seconds",
        }  # fmt: skip
        assert group.meta["enrichment"]["s3_key"] == key == assembled()[0].s3_key
        assert (document["has_text"], group.meta["enrichment"]["has_text"]) == (True, True)
        rows = PostEnrichment.objects.values_list("album_size", "ocr_present")
        assert set(rows) == {(3, True)}

    def test_fact_090_an_item_that_is_skipped_does_not_hold_the_album_up(self, archive):
        archive.post(b"p", grouped_id=-1)
        archive.post(b"v", mime="video/mp4", kind="video", grouped_id=-1)

        settle_everything()

        (event,) = assembled()
        assert (event.status, event.items_analyzed, event.items_count) == ("partial", 1, 2)

    def test_fact_090_an_item_that_died_does_not_hold_the_album_up(self, archive, album, provider):
        provider.errors = {
            Post.objects.get(pk=album[1].pk).media.get().file_sha256: RuntimeError("bug")
        }

        for _ in range(6):
            settle_everything()

        (event,) = assembled()
        assert (event.status, event.items_analyzed) == ("partial", 2)

    def test_items_whose_files_were_never_there_are_not_waited_for(self, archive):
        archive.post(grouped_id=-1)
        archive.post(grouped_id=-1)

        settle_everything()

        (event,) = assembled()
        assert (event.items_count, event.items_analyzed) == (2, 0)

    def test_an_album_without_progress_is_assembled_when_its_time_is_up(self, archive, album):
        worker.drain("default")
        late = timezone.now() + timedelta(minutes=20)

        early = overdue.assemble_overdue(timeout=timedelta(minutes=15), now=timezone.now())
        count = overdue.assemble_overdue(timeout=timedelta(minutes=15), now=late)
        again = overdue.assemble_overdue(timeout=timedelta(minutes=15), now=late)
        settle_everything()

        assert (early, count, again) == (0, 1, 0)
        assert [(e.status, e.items_analyzed) for e in assembled()] == [
            ("partial", 0),
            ("complete", 3),
        ]

    def test_what_comes_after_the_time_is_up_is_not_lost_though_another_item_never_comes(
        self, archive, album, now
    ):
        """Partial without any; then one of three comes: opened again, and assembled with it."""
        worker.drain("default")
        timeout, late = timedelta(minutes=15), timezone.now() + timedelta(minutes=20)
        overdue.assemble_overdue(timeout=timeout, now=late)
        make.enrichment(album[1], decisions=[make.decision(album[1].media.get())], **SEEN)

        told = assemble.assemble_album_of(post_id=str(album[1].pk), now=late)
        opened = MediaGroup.objects.get().status
        again = assemble.assemble_album_of(post_id=str(album[1].pk), now=late)
        later = late + timedelta(minutes=20)
        count = overdue.assemble_overdue(timeout=timeout, now=later)
        nothing_new = assemble.assemble_album_of(post_id=str(album[1].pk), now=later)

        assert (told, again, opened) == ("2 of 3 awaited", "2 of 3 awaited", "waiting")
        assert (count, nothing_new) == (1, "2 of 3 awaited")
        assert MediaGroup.objects.get().status == "partial"
        assert [(e.album_version, e.status, e.items_analyzed) for e in assembled()] == [
            (1, "partial", 0),
            (2, "partial", 1),
        ]

    def test_an_item_that_comes_while_the_others_are_given_up_waits_for_that_to_end(
        self, archive, album, now
    ):
        worker.drain("default")
        claims.claim(MediaGroup.objects.get(), now=now)
        make.enrichment(album[1], decisions=[make.decision(album[1].media.get())], **SEEN)

        with pytest.raises(assemble.RetryLater):
            assemble.assemble_album_of(post_id=str(album[1].pk), now=now)

        later = now + 2 * claims.CLAIM
        assert assemble.assemble_album_of(post_id=str(album[1].pk), now=later) == "2 of 3 awaited"

    def test_fact_093_labels_by_frequency_and_texts_in_order_of_position(self, archive, provider):
        seen = [
            {"labels": ["zebra", "DOG"], "description": "third", "text": "c"},
            {"labels": ["Cat"], "description": "second", "text": "b"},
            {"labels": ["cat ", "dog"], "description": "first", "text": "a"},
            {"labels": ["cat"], "description": "fourth", "text": "d"},
        ]
        # By the numbers of the messages, not as they came in or were analyzed.
        for number, one in zip((3, 2, 1, 4), seen, strict=True):
            answer(provider, archive, one, message_id=number)

        settle_everything()

        enrichment = MediaGroup.objects.get().meta["enrichment"]
        assert enrichment["vision_labels"] == ["cat", "dog", "zebra"]
        assert enrichment["vision_summary"] == "first | second | third | fourth"
        assert enrichment["ocr_text"] == "a | b | c"

    def test_fact_093_caps_of_labels_descriptions_and_texts(self, archive, provider):
        for number in range(7):
            labels = [f"rare {number} {n}" for n in range(3)] + ["common"]
            one = {"labels": labels, "description": f"picture {number}", "text": f"text {number}"}
            answer(provider, archive, one, message_id=number + 1)

        settle_everything()

        enrichment = MediaGroup.objects.get().meta["enrichment"]
        assert enrichment["vision_labels"][:2] == ["common", "rare 0 0"]
        assert len(enrichment["vision_labels"]) == 20
        assert enrichment["vision_summary"] == " | ".join(f"picture {n}" for n in range(5))
        assert enrichment["ocr_text"] == "text 0 | text 1 | text 2"

    @pytest.mark.sampled(5)
    @pytest.mark.parametrize("meme", [None, 0, 1, 2])
    @pytest.mark.parametrize("text", [None, 0, 2])
    def test_fact_094_one_meme_or_text_is_the_albums(self, archive, provider, meme, text):
        for number in range(3):
            one = {"is_meme": number == meme, "text": "МЯУ" if number == text else " "}
            answer(provider, archive, one, message_id=number + 1)

        settle_everything()

        (event,), enrichment = assembled(), MediaGroup.objects.get().meta["enrichment"]
        assert event.has_meme == enrichment["has_meme"] == (meme is not None)
        assert event.has_text == enrichment["has_text"] == (text is not None)
        assert enrichment["ocr_text"] == ("" if text is None else "МЯУ")

    def test_fact_095_without_the_store_row_and_event_come_all_the_same(
        self, archive, album, monkeypatch
    ):
        put = files.FileStore.put

        def away(store, reservation, *args, **options):
            if reservation.key.startswith("album/"):
                raise StoreUnavailable("S3 is away")
            return put(store, reservation, *args, **options)

        monkeypatch.setattr(files.FileStore, "put", away)
        settle_everything()

        (event,) = assembled()
        assert event.s3_key is None
        assert MediaGroup.objects.get().meta["enrichment"]["s3_key"] is None

    def test_fact_096_the_lag_is_counted_from_the_first_analysis(self, archive, album, now):
        settle_everything()
        MediaGroup.objects.update(assembled_fingerprint="", status="waiting")
        for post, seconds in zip(album, (0, 10, 30), strict=True):
            PostEnrichment.objects.filter(post=post).update(
                vision_analyzed_at=now + timedelta(seconds=seconds)
            )

        assemble.assemble_album(
            group_id=MediaGroup.objects.get().pk, now=now + timedelta(seconds=30)
        )

        assert assembled()[-1].assembly_lag_seconds == 30

    def test_an_assembly_that_was_killed_is_repeated_when_its_claim_ends(self, archive, album):
        worker.drain("default")
        worker.drain("vision")
        MediaGroup.objects.update(claimed_until=timezone.now() + timedelta(seconds=1))

        worker.drain("default")
        held = len(assembled())
        MediaGroup.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        settle_everything()

        assert (held, len(assembled())) == (0, 1)

    def test_what_was_seen_between_reading_and_claiming_is_not_lost(
        self, archive, album, now, monkeypatch
    ):
        worker.drain("default")
        worker.drain("vision")
        group = MediaGroup.objects.get().pk
        claim = claims.claim

        def after_another_analysis(*args, **kwargs):
            PostEnrichment.objects.filter(post=album[1]).update(vision_ocr_text="позже")
            return claim(*args, **kwargs)

        monkeypatch.setattr(claims, "claim", after_another_analysis)

        assemble.assemble_album(group_id=group, now=now)

        assert "позже" in (assembled()[-1].vision_ocr_text or "")
        assert MediaGroup.objects.get().claimed_until is None

    def test_who_took_too_long_leaves_the_claim_to_its_new_owner(
        self, archive, album, now, monkeypatch
    ):
        worker.drain("default")
        worker.drain("vision")
        group = MediaGroup.objects.get().pk
        theirs = now + 2 * claims.CLAIM

        def slow(assembly):
            MediaGroup.objects.update(claimed_until=theirs)

        monkeypatch.setattr(assemble, "_store_summary", slow)

        with pytest.raises(assemble.RetryLater):
            assemble.assemble_album(group_id=group, now=now)

        assert assembled() == []
        assert MediaGroup.objects.get().claimed_until == theirs

    def test_many_assemblers_at_once_publish_once(self, archive, album):
        worker.drain("default")
        worker.drain("vision")
        group = MediaGroup.objects.get().pk
        outcomes = []

        def work(_):
            try:
                outcomes.append(assemble.assemble_album(group_id=group, now=timezone.now()))
            except assemble.RetryLater:
                outcomes.append("later")

        in_threads(*(partial(work, n) for n in range(8)))

        assert len(assembled()) == 1
        assert outcomes.count("complete") == 1
