"""A message with several files, of which the bucket takes some."""

from datetime import UTC, datetime

import pytest

from media.file_metadata import FileMetadata
from media.models import MediaState
from media.posts.parsed_message import Blob, ParsedMessage
from media.services.pipeline.commit_media import drop_refused
from media.services.pipeline.plan import BatchPlan, state_of_all
from media.services.pipeline.upload import UploadResult
from media.sources.port import Attachment, FileRefused, MediaKind, Message

FILES = ("a", "b")


def blob(name, *, thumbnail_of=""):
    return Blob(f"{name}.png", name * 64, 1, FileMetadata("image/png"), thumbnail_of)


def dropped(*refused):
    """What is left of two files, the first with a thumbnail `t`, where some are refused."""
    files = [Attachment(MediaKind.PHOTO, path=f"{name}.png") for name in FILES]
    message = Message(1, datetime.now(UTC), attachment=files[0], more_attachments=(files[1],))
    blobs = [blob("a"), blob("t", thumbnail_of="a.png"), blob("b")]
    parsed = ParsedMessage(message, state=MediaState.STORED, blobs=blobs)
    plan = BatchPlan(messages=[parsed])
    refusal = FileRefused("changed", "it changed meanwhile")
    drop_refused(plan, UploadResult(refused={name * 64: refusal for name in refused}))
    kept = [blob.path[0] for blob in parsed.blobs]
    return kept, parsed.state, [problem.detail.split(".")[0] for problem in plan.outcome.problems]


@pytest.mark.parametrize(
    ("refused", "left"),
    [
        ("", (["a", "t", "b"], "stored", [])),
        ("t", (["a", "b"], "stored", [])),
        ("a", (["b"], "unreadable", ["a"])),
        ("b", (["a", "t"], "unreadable", ["b"])),
        ("ab", ([], "unreadable", ["a", "b"])),
    ],
)
def test_what_is_refused_is_named_and_takes_its_thumbnail_along(refused, left):
    assert dropped(*refused) == left


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ([], ""),
        (["missing"], "missing"),
        (["missing", "stored"], "stored"),
        (["stored", "unreadable"], "unreadable"),
        (["not_included", "missing"], "not_included"),
        (["unreadable", "quota_exceeded"], "quota_exceeded"),
    ],
)
def test_one_state_stands_for_all_files(states, state):
    assert state_of_all(states) == state
