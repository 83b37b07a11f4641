"""
Snapshots of what is said between rooms.

A changed schema is a new version, unless an old reader and an old event both survive it.
To accept a compatible change: `UPDATE_SNAPSHOTS=1 make test`.
"""

import json
import os
import re
import uuid
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from events import schemas
from events.schemas import MediaFile, VisionUploadedEventV1
from media.models import MediaObject, Post
from media.posts import post_events

SNAPSHOTS = Path(__file__).parent / "schemas"


@pytest.mark.parametrize("schema", schemas.ALL, ids=lambda s: f"{s.topic}_{s.version}")
def test_a_schema_is_what_its_snapshot_says(schema):
    snapshot = SNAPSHOTS / f"{schema.topic.replace('.', '_')}_{schema.version}.json"
    text = json.dumps(schema.model_json_schema(), indent=1, sort_keys=True, ensure_ascii=False)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(text + "\n")

    assert snapshot.read_text() == text + "\n"


def test_every_snapshot_belongs_to_a_schema():
    names = {f"{s.topic.replace('.', '_')}_{s.version}.json" for s in schemas.ALL}

    assert {path.name for path in SNAPSHOTS.glob("*.json")} == names


def _fields(model: type[BaseModel], found: dict[str, set[str]]) -> dict[str, set[str]]:
    """The names of its fields and of those of the models in them, by model."""
    found[model.__name__] = set(model.model_fields)
    for field in model.model_fields.values():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                _fields(kind, found)
    return found


FROM_OTHER_SOURCES = {
    "telegram_file_id", "thread_id", "forward_from_peer_id", "author_peer_id", "author_type",
}  # fmt: skip
"""Exports do not have these; a live connection to Telegram does."""
SAME_IN_EVERY_EVENT = {"schema_ref", "requires_vision", "next_retry_at"}


def test_no_field_is_promised_that_nobody_writes():
    root = Path(schemas.__file__).parents[2]
    sources = [
        p
        for room in ("media", "vision", "albums", "crawl", "search", "events")
        for p in (root / room).rglob("*.py")
    ]
    code = "\n".join(p.read_text() for p in sources if "schemas" not in p.parts)
    fields = {}
    for schema in schemas.ALL:
        _fields(schema, fields)

    unwritten = {
        name
        for name in set().union(*fields.values())
        if not re.search(rf"\b{name}\s*=", code) and f'"{name}"' not in code
    }

    assert unwritten == FROM_OTHER_SOURCES | SAME_IN_EVERY_EVENT


def seed_sample() -> VisionUploadedEventV1:
    """The event of seed S1, as its script builds it."""
    post_id, tenant_id = "your-post-uuid", "877193ef-be80-4977-aaeb-8009c3d772ee"
    digest = sha256(f"test_{post_id}".encode()).hexdigest()
    media = MediaFile(
        sha256=digest,
        s3_key=f"media/{tenant_id}/{digest[:2]}/{digest}.jpg",
        mime_type="image/jpeg",
        size_bytes=512000,
        telegram_file_id="test_file_id",
    )
    return VisionUploadedEventV1(
        schema_version="v1",
        trace_id=f"test_{uuid.uuid4().hex[:16]}",
        idempotency_key=f"{tenant_id}:{post_id}:{digest}",
        tenant_id=tenant_id,
        post_id=post_id,
        channel_id="channel-uuid",
        media_files=[media],
        uploaded_at=datetime.now(UTC),
    )


def test_fact_039_the_sample_event_of_the_seed_validates():
    event = seed_sample()

    again = VisionUploadedEventV1.model_validate_json(event.model_dump_json())

    assert again == event
    assert event.topic == "posts.vision.uploaded"


def test_fact_040_the_event_of_a_picture_is_known_by_tenant_post_and_picture():
    post = Post(
        pk=uuid.UUID("0b7c9f64-1111-4222-8333-444455556666"),
        tenant_id=uuid.UUID("877193ef-be80-4977-aaeb-8009c3d772ee"),
        channel_id=uuid.UUID(int=7),
        posted_at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    media = MediaObject(
        file_sha256="ab" * 32, s3_key="media/k.jpg", mime="image/jpeg", size_bytes=512000
    )

    event = post_events.uploaded(post, [media], now=post.posted_at, trace_id="t")

    assert event.topic == "posts.vision.uploaded"
    assert event.idempotency_key == (
        "877193ef-be80-4977-aaeb-8009c3d772ee:0b7c9f64-1111-4222-8333-444455556666:"
        "abababababababababababababababababababababababababababababababab"
    )


def test_a_time_without_a_zone_is_refused():
    payload = seed_sample().model_dump(mode="json") | {"uploaded_at": "2026-01-01T10:00:00"}

    with pytest.raises(ValidationError):
        VisionUploadedEventV1.model_validate(payload)


def test_a_trace_id_that_could_break_a_log_line_is_refused():
    payload = seed_sample().model_dump(mode="json") | {"trace_id": "a\nb"}

    with pytest.raises(ValidationError):
        VisionUploadedEventV1.model_validate(payload)


def test_a_field_of_a_later_release_does_not_stop_an_older_reader():
    payload = seed_sample().model_dump(mode="json") | {"invented_later": 1}

    assert VisionUploadedEventV1.model_validate(payload)
