"""`manage.py diag_vision`, as an operator types it."""

import io
import json
import os
import re
import uuid

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from events.schemas import VisionUploadedEventV1
from storage_quota.models import ContentType, StoredObject, TenantUsage
from tests import factories as make
from tests.processes import run_python

database = pytest.mark.django_db


@pytest.fixture
def diag():
    """Runs the command; returns what it wrote to stdout, and to stderr."""

    def run(*arguments):
        out, err = io.StringIO(), io.StringIO()
        call_command("diag_vision", *map(str, arguments), stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    return run


@pytest.fixture
def seen():
    """A post of two pictures: one is analyzed, the other one skipped."""
    of = make.channel()
    looked, left = make.media_object(owner=of.tenant), make.media_object(owner=of.tenant)
    post = make.post(of=of, media=[looked, left])
    return make.enrichment(
        post,
        vision_provider="gigachat",
        vision_model="GigaChat-Pro",
        vision_is_meme=True,
        vision_tokens_used=1320,
        vision_classification={"type": "meme", "confidence": 1.0, "tags": ["кот"]},
        vision_description="Кот " * 100,
        s3_media_keys=[looked.s3_key, left.s3_key],
        s3_vision_keys=["vision/a.json"],
        decisions=[
            make.decision(looked, reason="policy_passed"),
            make.decision(left, outcome="skipped", reason="image_too_large", details="16 MB"),
        ],
    )


def facts(text):
    """The column of names with their values."""
    head = text.split("\n\n")[0]
    cells = (re.split(r" {2,}", line, maxsplit=1) for line in head.strip().split("\n"))
    return dict(cells)


@database
class TestCheck:
    def test_fact_109_everything_about_a_post(self, diag, seen):
        out, _ = diag("check", "--post-id", seen.post_id)

        assert facts(out) == {
            "Status": "analyzed",
            "Analyzed At": "2026-11-21T15:00:00+03:00",
            "Provider": "gigachat",
            "Model": "GigaChat-Pro",
            "Vision Version": "-",
            "Tokens Used": "1 320",
            "Is Meme": "true",
            "Has Classification": "true",
            "Has Description": "true",
            "Has OCR": "false",
            "S3 Keys Count": "3",
        }
        assert '"type": "meme"' in out
        assert '"кот"' in out
        assert "Кот Кот" in out
        assert "image_too_large; 16 MB" in out
        assert len(out) < 3000

    def test_fact_109_without_a_part_a_post_is_checked(self, diag, seen):
        assert diag("--post-id", seen.post_id) == diag("check", "--post-id", seen.post_id)
        assert json.loads(diag("--post-id", seen.post_id, "--json")[0])["is_meme"] is True

    def test_as_json_it_is_one_object(self, diag, seen):
        body = json.loads(diag("check", "--post-id", seen.post_id, "--json")[0])

        assert body["post_id"] == str(seen.post_id)
        assert (body["tokens_used"], body["is_meme"], body["s3_keys_count"]) == (1320, True, 3)
        assert [one["reason"] for one in body["decisions"]] == ["policy_passed", "image_too_large"]
        assert all(one["reason_in_words"] for one in body["decisions"])

    def test_a_skipped_or_failed_post_has_that_status(self, diag):
        for status, shown in (("ok", "skipped"), ("error", "failed"), ("partial", "partial")):
            row = make.enrichment(make.post(), vision_analyzed_at=None, status=status)
            assert facts(diag("check", "--post-id", row.post_id)[0])["Status"] == shown

    def test_fact_110_an_unknown_post_is_a_warning(self, diag):
        out, err = diag("check", "--post-id", uuid.uuid4())

        assert facts(out) == {"Status": "not found"}
        assert err

    def test_a_post_without_an_analysis_shows_what_it_waits_for(self, diag):
        media = make.media_object()
        bare = make.post()
        forgotten, waiting, lost = (make.post(media=[make.media_object()]) for _ in range(3))
        for post, state in ((waiting, "pending"), (lost, "dead")):
            key = f"{post.tenant_id}:{post.pk}:{media.file_sha256}"
            event = make.event(topic=VisionUploadedEventV1.topic, idempotency_key=key)
            make.delivery(of=event, state=state, error_details="Tesseract ended")

        def status(post):
            out, err = diag("check", "--post-id", post.pk, "--json")
            return json.loads(out)["status"], err

        assert status(bare)[0] == "no media"
        assert status(forgotten)[0] == "not analyzed"
        assert status(waiting)[0] == "waiting"
        assert status(lost)[0] == "given up"
        assert "Tesseract ended" in status(lost)[1]

    @pytest.mark.parametrize("text", ["x", "", "1" * 5000, "'; --"])
    def test_what_is_no_id_is_refused_in_one_line(self, diag, text):
        with pytest.raises(CommandError):
            diag("check", "--post-id", text)


@database
class TestStats:
    def test_fact_109_events_and_objects(self, diag, now):
        ours, others = make.tenant(), make.tenant()
        for tenant, topic, state in (
            (ours, "posts.vision.uploaded", "pending"),
            (ours, "posts.vision.uploaded", "dead"),
            (others, "posts.vision.uploaded", "leased"),
            (ours, "posts.vision.analyzed", "done"),
        ):
            event = make.event(topic=topic, tenant_id=str(tenant.pk))
            make.delivery(of=event, state=state)
        TenantUsage.objects.create(
            tenant=ours, content_type=ContentType.VISION, objects_count=2, total_bytes=2**29,
            last_updated=now, created_at=now,
        )  # fmt: skip
        key = f"vision/{ours.pk}/a.json"
        StoredObject.objects.create(
            key=key, tenant=ours, content_type=ContentType.VISION, size_bytes=1,
            created_at=now, updated_at=now,
        )  # fmt: skip

        body = json.loads(diag("stats", "--json")[0])
        own = json.loads(diag("stats", "--tenant-id", ours.pk, "--json")[0])
        text = diag("stats", "--tenant-id", ours.name)[0]

        assert body == {
            "tenant": None, "uploaded_events": 3, "analyzed_events": 1, "uploaded_pending": 2,
            "analyzed_pending": 0, "uploaded_dead": 1, "objects_count": 2, "total_size_gb": 0.5,
            "sample_keys": [key],
        }  # fmt: skip
        assert (own["uploaded_events"], own["uploaded_pending"]) == (2, 1)
        assert facts(text)["Total Size (GB)"] == "0.500000"
        assert text.endswith(f"Sample Keys:\n  {key}\n")

    def test_an_unknown_tenant_is_refused_by_name(self, diag):
        with pytest.raises(CommandError, match="nobody"):
            diag("stats", "--tenant-id", "nobody")


class TestPolicy:
    """The engine alone: these tests have no database."""

    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "image.txt"  # what it is called does not matter
        path.write_bytes(make.picture(image_format="JPEG"))
        return path

    def test_fact_109_the_decision_of_the_policy_about_a_file(self, diag, file):
        out, _ = diag("test", "--media-file", file)

        shown = facts(out)
        assert (shown["MIME"], shown["Allowed"], shown["Routing"]) == ("image/jpeg", "true", "ocr")
        assert shown["Reason"].startswith("vision_not_configured (")
        assert float(shown["File Size (MB)"]) == pytest.approx(
            file.stat().st_size / 2**20, abs=1e-3
        )
        assert json.loads(out.split("\n\n", 1)[1])["routing"] == "ocr"

    def test_the_channel_and_the_language_count(self, diag, file):
        def reason(*options):
            return json.loads(diag("test", "--media-file", file, "--json", *options)[0])["reason"]

        assert reason("--channel", "@Large_Memes_Dump") == "channel_skipped"
        assert reason("--language", "de") == "language_skipped"
        assert reason("--language", "ru") == "vision_not_configured"

    def test_whatever_file_it_is_there_is_an_answer(self, diag, tmp_path):
        path = tmp_path / "x"
        for body in (b"", b"\0" * 100, b"GIF89a", b"%PDF-1.7", "текст".encode()):
            path.write_bytes(body)
            assert json.loads(diag("test", "--media-file", path, "--json")[0])["reason"]

    @pytest.mark.parametrize("name", ["absent.jpg", ".", "a\0b", "x" * 300])
    def test_what_cannot_be_read_is_refused_in_one_line(self, diag, tmp_path, name):
        with pytest.raises(CommandError):
            diag("test", "--media-file", f"{tmp_path}/{name}")


class TestTheCommand:
    def test_it_shows_all_figures(self, diag):
        with pytest.raises(CommandError, match="check, stats, test, budget"):
            diag()

    @pytest.mark.parametrize("part", ["check", "stats", "--post-id"])
    def test_fact_110_without_a_database_it_ends_with_1_and_no_traceback(self, part):
        post = [] if part == "stats" else [str(uuid.uuid4())]
        options = ["--post-id", *post] if part == "check" else post
        nowhere = os.environ | {"DATABASE_URL": "postgres://nobody:x@127.0.0.1:1/nothing"}

        ended = run_python("manage.py", "diag_vision", part, *options, env=nowhere)

        assert ended.returncode == 1
        assert "Traceback" not in ended.stderr
        assert ended.stderr.startswith("CommandError: ")
