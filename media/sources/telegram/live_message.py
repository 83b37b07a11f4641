"""Read a message that came from Telegram itself: by the code that reads exports, and more."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from posixpath import basename
from typing import Any, Final

from media.sources.export.json_stream.repair import clean
from media.sources.export.messages.convert import Draft, convert, reading
from media.sources.port import Attachment, Forward, Message, Problem
from media.sources.telegram.port import Fetched, RemoteFile

_READING: Final = 1
"""Raised when messages of Telegram are read in another way: then they are written anew."""
_canonical = json.JSONEncoder(sort_keys=True, default=str).encode


@dataclass(frozen=True, slots=True)
class Beside:
    """What Telegram says of a message and no export has; None is not said."""

    grouped_id: int | None = None
    views: int | None = None
    forwards: int | None = None
    replies: int | None = None
    forwarded_message_id: int | None = None
    forwarded_at: datetime | None = None
    forwarded_author: str = ""
    topic_id: int | None = None
    quote: str = ""
    marks: tuple[str, ...] = ()


_SAID: Final = tuple(field.name for field in fields(Beside))


def age(at: datetime, top_id: int) -> str:
    """
    The age of what was read at that moment, as `Chat.as_of` has it.

    An export is as old as its latest message; what was read here is as old as the reading, to the
    microsecond: an edit may follow a message within the second. An export of the same second is
    newer, as it was made after that.
    """
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z/{top_id:013d}/{reading():03d}"


def not_before(at: datetime, as_of: str) -> datetime:
    """
    The moment of a reading: `at`, or just after `as_of` where that is later (`Chat.as_of`).

    Nothing is newer than what Telegram says now. Whoever read before may have had a clock that was
    ahead, and edits and deletions would be taken for older than what he read.
    """
    told, _, rest = as_of.partition("Z/")
    if not rest or (known := datetime.fromisoformat(f"{told}+00:00")) < at:
        return at
    # Of a whole second, text sorts what has a fraction before it.
    return known + timedelta(microseconds=1) if "." in told else known + timedelta(seconds=1)


def read_live(value: dict[str, Any], beside: Beside, files: tuple[RemoteFile, ...] = ()) -> Fetched:
    """Read a message in the shape of an export. Never raises: a bad one is a Problem."""
    sizes = {file.path: file.size_bytes for file in files}
    # Telegram sends any character, also those that PostgreSQL does not hold.
    found = convert(clean(value), zone=UTC, size_of=sizes.get)
    beside = replace(
        beside, quote=clean(beside.quote), forwarded_author=clean(beside.forwarded_author)
    )
    message_id = int(value["id"])
    if isinstance(found, Draft):
        message = _with_more(found.finish(beside.grouped_id), beside, files)
        return Fetched(message_id, message, files)
    if isinstance(found, Problem):
        return Fetched(message_id, replace(found, message_id=message_id))
    return Fetched(message_id, found)


def _with_more(message: Message, beside: Beside, files: tuple[RemoteFile, ...]) -> Message:
    by_path = {file.path: file for file in files}
    attachments = [_named(one, by_path) for one in message.attachments]
    # Not `asdict`, which copies deeply: a third of the time that reading a message took.
    said = {name: getattr(beside, name) for name in _SAID}
    basis = f"{message.fingerprint}\n{_READING}\n{_canonical(said)}"
    return replace(
        message,
        run_id=None,  # Telegram marks its albums by itself
        views=beside.views,
        forwards=beside.forwards,
        replies=beside.replies,
        forward=_forward(message.forward, beside),
        extra=message.extra | _extra(beside),
        attachment=attachments[0] if attachments else None,
        more_attachments=tuple(attachments[1:]),
        fingerprint=sha256(basis.encode()).hexdigest(),
    )


def _named(attachment: Attachment, by_path: Mapping[str, RemoteFile]) -> Attachment:
    """Say which file of Telegram it is; a name that only our own path has is none."""
    file = by_path.get(attachment.path)
    is_ours = attachment.file_name == basename(attachment.path)
    return replace(
        attachment,
        file_id=file.file_id if file else "",
        file_name="" if is_ours else attachment.file_name,
    )


def _forward(forward: Forward | None, beside: Beside) -> Forward | None:
    if forward is None:
        return None
    return replace(
        forward,
        from_message_id=beside.forwarded_message_id,
        forwarded_at=beside.forwarded_at,
    )


def _extra(beside: Beside) -> dict[str, Any]:
    found = {
        "topic_id": beside.topic_id,
        "quote": beside.quote,
        "forwarded_author": beside.forwarded_author,
        "marks": list(beside.marks),
    }
    return {key: value for key, value in found.items() if value}
