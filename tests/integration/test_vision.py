"""From a stored picture to its enrichment and the event that tells of it."""

import threading
from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from accounts.models import Tenant
from events.delivery import worker
from events.errors import RetryLater
from events.models import Delivery, OutboxEvent
from events.schemas import VisionAnalyzedEventV1
from search.index.qdrant import client as qdrant
from storage_quota.models import StoredObject, TenantUsage
from storage_quota.object_store import get_store
from telegram_assistant.config import Limits, Qdrant
from tests.factories import Archive
from vision import providers
from vision.analysis import cache
from vision.models import PostEnrichment
from vision.providers.fake import FakeVision
from vision.providers.ocr.installed import TesseractMissing
from vision.providers.port import ProviderRefused
from vision.version import VISION_VERSION, parse

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def provider(monkeypatch):
    fake = FakeVision()
    monkeypatch.setattr(providers, "get_ocr", lambda: fake)
    return fake


def digest(body: bytes) -> str:
    return sha256(body).hexdigest()


def analyzed() -> list[VisionAnalyzedEventV1]:
    found = OutboxEvent.objects.filter(topic="posts.vision.analyzed").order_by("pk")
    return [VisionAnalyzedEventV1.model_validate(e.payload) for e in found]


class TestOnePost:
    def test_fact_049_the_columns_of_the_seed_hold_what_was_seen(self, archive, provider):
        post = archive.post(b"one")

        worker.drain("vision")

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT vision_analyzed_at, vision_provider, vision_model, vision_is_meme,"
                " vision_classification->>'type', vision_tokens_used, s3_vision_keys->>0,"
                " s3_media_keys->>0 FROM post_enrichment WHERE post_id = %s",
                [post.pk],
            )
            row = cursor.fetchone()
        sha = digest(b"one")
        assert row[0] is not None
        assert row[1:6] == ("ocr_fallback", "fake-1", False, "screenshot", 0)
        assert row[6] == f"vision/{post.tenant_id}/{sha}_ocr_fallback_fake-1_v1.0.json"
        assert row[7] == f"media/{post.tenant_id}/{sha[:2]}/{sha}.jpg"
        assert get_store().read_json(row[6])["description"] == f"picture {sha[:8]}"

    def test_fact_066_neither_graph_nor_qdrant_is_needed_for_it(
        self, archive, provider, no_graph_answers, settings
    ):
        settings.QDRANT = Qdrant(url="http://127.0.0.1:9")
        qdrant.forget()
        post = archive.post(b"one")

        for queue in ("vision", "graph", "search_meaning"):
            worker.drain(queue)
        qdrant.forget()

        assert PostEnrichment.objects.get(kind="vision").post_id == post.pk
        assert [one.post_id for one in analyzed()] == [str(post.pk)]
        waiting = Delivery.objects.filter(event__topic="posts.vision.analyzed", state="pending")
        told = set(waiting.values_list("subscriber", flat=True))
        assert {"graph.analyzed", "search.qdrant_analyzed"} <= told
        assert not Delivery.objects.filter(state="dead").exists()

    def test_the_event_carries_version_features_and_trace(self, archive, provider):
        post = archive.post(b"one")
        uploaded = OutboxEvent.objects.get(topic="posts.vision.uploaded")

        worker.drain("vision")

        (event,) = analyzed()
        row = PostEnrichment.objects.get()
        assert event.vision_version == row.vision_version == VISION_VERSION
        assert event.features_hash == row.features_hash
        assert event.trace_id == uploaded.trace_id
        assert event.vision.ocr_text == f"text {digest(b'one')[:8]}"
        assert VISION_VERSION in event.idempotency_key
        assert event.post_id == str(post.pk)

    def test_fact_041_the_same_event_twice_is_one_analysis_and_one_event(self, archive, provider):
        archive.post(b"one")
        worker.drain("vision")

        Delivery.objects.filter(subscriber="vision.analyze").update(
            state="pending", due_at=timezone.now()
        )
        worker.drain("vision")

        assert len(provider.calls) == 1
        assert len(analyzed()) == 1

    def test_fact_050_the_same_picture_in_a_second_post_is_not_analyzed_again(
        self, archive, provider
    ):
        archive.post(b"one")
        worker.drain("vision")
        second = archive.post(b"one")

        worker.drain("vision")

        row = PostEnrichment.objects.get(post=second)
        assert len(provider.calls) == 1
        assert (row.vision_analysis_reason, row.vision_tokens_used) == ("cache_hit", 0)
        assert row.vision_ocr_text == f"text {digest(b'one')[:8]}"

    def test_fact_068_several_media_of_a_post_speak_together(self, archive, provider):
        provider.answers = {
            digest(b"one"): {"labels": ["cat"], "is_meme": False, "tokens_used": 5},
            digest(b"two"): {"labels": ["dog", "cat"], "is_meme": True, "tokens_used": 7},
        }
        archive.post(b"one", b"two")

        worker.drain("vision")

        row = PostEnrichment.objects.get()
        assert row.data["labels"] == ["cat", "dog"]
        assert (row.vision_is_meme, row.vision_tokens_used) == (True, 12)
        assert row.vision_ocr_text == f"text {digest(b'one')[:8]}\n\ntext {digest(b'two')[:8]}"
        assert len(row.s3_media_keys) == len(row.s3_vision_keys) == 2

    def test_fact_058_a_video_is_skipped_with_a_reason_and_the_post_goes_on(
        self, archive, provider
    ):
        archive.post(b"video", mime="video/mp4", kind="video")

        worker.drain("vision")

        row = PostEnrichment.objects.get()
        (decision,) = row.metadata["decisions"]
        (event,) = analyzed()
        assert (row.vision_provider, row.vision_analysis_reason) == ("none", "skipped")
        assert row.vision_analyzed_at is None
        assert (decision["reason"], decision["outcome"]) == ("unsupported_mime_type", "skipped")
        assert (event.skipped, event.vision) == (True, None)
        assert event.reasons[0].reason == "unsupported_mime_type"

    def test_each_decision_says_why_a_picture_was_read(self, archive, provider):
        archive.post(b"one")

        worker.drain("vision")

        (decision,) = PostEnrichment.objects.get().metadata["decisions"]
        assert (decision["outcome"], decision["use_ocr"]) == ("analyzed", True)
        assert decision["reason"] == "vision_not_configured"

    def test_fact_060_a_channel_on_the_list_is_skipped_by_the_name_in_the_database(
        self, archive, provider
    ):
        archive.channel.username = "Large_Memes_Dump"
        archive.channel.save()
        archive.post(b"one")

        worker.drain("vision")

        assert PostEnrichment.objects.get().metadata["decisions"][0]["reason"] == "channel_skipped"
        assert provider.calls == []


class TestFailure:
    def test_a_picture_that_cannot_be_read_is_a_reason_not_a_dead_letter(self, archive, provider):
        provider.errors = {digest(b"bad"): ProviderRefused("broken_image", "cut off")}
        archive.post(b"bad", b"good")

        tally = worker.drain("vision")

        row = PostEnrichment.objects.get()
        assert (tally.dead, row.status) == (0, "partial")
        assert "broken_image" in row.error
        assert [d["outcome"] for d in row.metadata["decisions"]] == ["failed", "analyzed"]

    def test_fact_064_an_object_that_is_gone_is_skipped_and_not_tried_for_ever(
        self, archive, provider
    ):
        archive.post(b"one")
        get_store().delete(StoredObject.objects.get().key)

        tally = worker.drain("vision")

        assert (tally.done, tally.failed) == (1, 0)
        assert PostEnrichment.objects.get().metadata["decisions"][0]["reason"] == "s3_missing"

    def test_a_provider_that_is_away_is_asked_later(self, archive, provider):
        provider.errors = {digest(b"one"): RetryLater("away", after=timedelta(hours=1))}
        archive.post(b"one")

        tally = worker.drain("vision")

        assert (tally.postponed, PostEnrichment.objects.count()) == (1, 0)

    def test_without_tesseract_pictures_wait_for_it(self, archive, monkeypatch):
        def missing():
            raise TesseractMissing("install tesseract-ocr")

        monkeypatch.setattr(providers, "get_ocr", missing)
        archive.post(b"one")

        tally = worker.drain("vision")

        delivery = Delivery.objects.get(subscriber="vision.analyze")
        assert (tally.postponed, delivery.attempts) == (1, 0)
        assert "tesseract-ocr" in delivery.outcome

    def test_an_analysis_that_was_given_up_is_saved_and_published(self, archive, provider):
        provider.errors = {digest(b"one"): RuntimeError("bug")}
        archive.post(b"one")

        for _ in range(5):
            Delivery.objects.update(due_at=timezone.now())
            worker.drain("vision")
        worker.drain("default")

        row = PostEnrichment.objects.get()
        (event,) = analyzed()
        assert (row.status, row.vision_analysis_reason) == ("error", "skipped")
        assert (event.skipped, event.reasons[0].reason) == (True, "analysis_failed")

    def test_fact_036_without_room_the_analysis_is_kept_and_published_all_the_same(
        self, archive, provider, settings, caplog
    ):
        archive.post(b"one")
        limits = settings.LIMITS
        settings.LIMITS = Limits(
            total_bytes=limits.total_bytes, emergency_bytes=limits.emergency_bytes,
            tenant_bytes=limits.tenant_bytes, by_type={**limits.by_type, "vision": 1},
        )  # fmt: skip

        worker.drain("vision")

        row = PostEnrichment.objects.get()
        assert (row.vision_provider, row.s3_vision_keys) == ("ocr_fallback", [])
        assert len(analyzed()) == 1
        assert not StoredObject.objects.filter(content_type="vision").exists()
        assert "vision_limit" in caplog.text

    def test_a_cached_result_of_another_shape_is_analyzed_anew(self, archive, provider):
        archive.post(b"one")
        worker.drain("vision")
        key = PostEnrichment.objects.get().s3_vision_keys[0]
        StoredObject.objects.filter(key=key).update(sha256="")
        path = get_store().store._path(key)
        path.write_bytes(b"{")
        second = archive.post(b"one")

        worker.drain("vision")

        assert PostEnrichment.objects.get(post=second).vision_analysis_reason == "new"


class TestRules:
    def test_usage_of_vision_results_is_charged_once(self, archive, provider):
        archive.post(b"one")
        worker.drain("vision")
        archive.post(b"one")
        worker.drain("vision")

        usage = TenantUsage.objects.get(content_type="vision")
        (info,) = get_store().list("vision/")
        assert (usage.objects_count, usage.total_bytes) == (1, info.size_bytes)

    def test_fact_051_a_tenant_never_sees_the_keys_of_another(self, archive, provider):
        other = Archive(tenant=Tenant.objects.create(name="other"))
        archive.post(b"one")
        other.post(b"one")

        worker.drain("vision")

        for row in PostEnrichment.objects.select_related("post"):
            keys = row.s3_vision_keys + row.s3_media_keys
            assert {key.split("/")[1] for key in keys} == {str(row.post.tenant_id)}

    @pytest.mark.parametrize(
        "columns", [{"vision_provider": "foo"}, {"vision_tokens_used": -1}, {"kind": "x"},
                    {"vision_analysis_reason": "because"}],
    )  # fmt: skip
    def test_fact_119_the_database_refuses_what_the_contract_does_not_know(self, archive, columns):
        post = archive.post(tell=False)

        with pytest.raises(IntegrityError), transaction.atomic():
            PostEnrichment.objects.create(**{"post": post, "kind": "vision"} | columns)

    def test_fact_118_a_post_has_one_row_of_a_kind(self, archive):
        post = archive.post(tell=False)
        PostEnrichment.objects.create(post=post, kind="vision")

        with pytest.raises(IntegrityError), transaction.atomic():
            PostEnrichment.objects.create(post=post, kind="vision")

    def test_fact_077_versions_are_ordered_as_numbers(self):
        assert parse("vision@2025-01-29#p10") > parse("vision@2025-01-29#p9")
        assert parse("vision@2025-01-29") is None
        assert parse(VISION_VERSION) is not None

    def test_two_workers_with_the_same_post_settle_it_once(self, archive, provider):
        for number in range(10):
            archive.post(f"{number % 3}".encode())

        def work():
            try:
                worker.drain("vision")
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert PostEnrichment.objects.count() == len(analyzed()) == 10
        assert StoredObject.objects.filter(content_type="vision").count() == 3

    def test_an_unreadable_cache_key_is_absent(self):
        assert cache.read("vision/t/none.json") is None
