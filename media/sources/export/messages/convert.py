"""Convert a raw message of the export into a draft of the port's Message, or into a Problem."""

import json
from dataclasses import dataclass
from datetime import datetime, tzinfo
from hashlib import sha256
from typing import Any

import orjson
from pydantic import ValidationError

from events.sentences import gettext_noop
from media.sources.export.json_stream import reasons
from media.sources.export.messages.attachment import SizeOf
from media.sources.export.messages.content import Content, read_content
from media.sources.export.messages.known_keys import kinds_of
from media.sources.export.messages.lenient import read_raw, refusal
from media.sources.export.messages.schema import RawMessage, RawReaction, RawService
from media.sources.export.messages.text import InvalidText
from media.sources.export.messages.times import InvalidTime, parse_edit_time, parse_time
from media.sources.export.messages.unmapped_fields import unmapped_fields
from media.sources.export.peer_ids import marked_peer_id
from media.sources.port import UNSUPPORTED, Forward, MediaKind, Message, Problem, Reaction
from media.sources.port import ServiceMessage as Service

_ALBUM_KINDS = frozenset(
    {MediaKind.PHOTO, MediaKind.VIDEO, MediaKind.DOCUMENT, MediaKind.AUDIO},
)
_NO_POSTS = ("service", UNSUPPORTED)
"""All other types are read as posts, also those that are newer than this code."""
_POST = "message"
PIN = "pin_message"
"""The action of a service message by which another message was pinned."""
_BIGGEST_ID = 2**40
_READING = 5
"""Raised when messages are read in another way: the next import then writes them anew."""
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is complete but for its album, which only its neighbors show."""

    message_id: int
    album_key: tuple[Any, ...] | None
    """Equal for neighbors that Telegram may have posted as one album; None for the others."""
    has_text: bool
    fields: dict[str, Any]
    fingerprint_basis: str
    """The message as the export has it, and the sizes of its files on disk."""

    def finish(self, grouped_id: int | None, run_id: int | None = None) -> Message:
        album = f"{grouped_id}" if run_id == grouped_id else f"{grouped_id} {run_id}"
        fingerprint = sha256(f"{self.fingerprint_basis}\n{album}".encode()).hexdigest()
        return Message(**self.fields, grouped_id=grouped_id, run_id=run_id, fingerprint=fingerprint)


def convert(value: Any, *, zone: tzinfo, size_of: SizeOf) -> Draft | Service | Problem:
    """Convert one message; a bad one never raises, it becomes a Problem that names the field."""
    if not isinstance(value, dict):
        return Problem(code="invalid_message", detail=gettext_noop("a message must be an object"))
    try:
        if value.get("type") in _NO_POSTS:
            return _service(value)
        return _draft(value, zone, size_of)
    except ValidationError as exc:
        detail = refusal(exc)
    except (InvalidText, InvalidTime) as exc:
        detail = str(exc)
    except RecursionError:
        detail = reasons.TOO_DEEP
    except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as exc:
        detail = f"{type(exc).__name__}: {exc}"  # a shape that no version of Telegram writes
    return Problem(code="invalid_message", detail=detail, message_id=id_of(value))


def _canonical(value: dict[str, Any]) -> str:
    """The message as text, the same for every order of its keys."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # an integer of more than 64 bits, or a value that is nested very deeply
        return _encode(value)


def reading() -> int:
    """The number of the way in which messages are read."""
    return _READING


def id_of(value: dict[str, Any]) -> int | None:
    found = value.get("id")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _service(value: dict[str, Any]) -> Service:
    raw = RawService.model_validate(value)
    action = raw.action or "unknown"
    if raw.type != "service":
        return Service(raw.id, UNSUPPORTED)
    return Service(raw.id, action, _pinned(raw.message_id) if action == PIN else None)


def _pinned(message_id: Any) -> int | None:
    """The message that was pinned; what is no id of one says nothing, and refuses nothing."""
    is_id = type(message_id) is int and 0 < message_id < _BIGGEST_ID
    return message_id if is_id else None


def _draft(value: dict[str, Any], zone: tzinfo, size_of: SizeOf) -> Draft:
    raw, tidy, aside = read_raw(value)
    content = read_content(tidy, raw, size_of)
    content.unknown.update(aside)
    if value.get("type") != _POST:
        content.unknown["type"] = value.get("type")
    paths = (path for file in content.files for path in (file.path, file.thumbnail_path))
    sizes = [size_of(path) for path in paths if path]
    return Draft(
        message_id=raw.id,
        album_key=_album_key(raw, content),
        has_text=bool(content.text),
        fields=_fields(raw, zone, content.unknown)
        | _content_fields(content)
        | {"extra": _extra(raw, content, zone)},
        fingerprint_basis=f"{_READING}\n{_canonical(value)}\n{sizes}{_chosen_zone(raw, zone)}",
    )


def _chosen_zone(raw: RawMessage, zone: tzinfo) -> str:
    """The zone that the operator chose, where the export names none; else it decides nothing."""
    return str(zone) if raw.date_unixtime in (None, "") else ""


def _fields(raw: RawMessage, zone: tzinfo, unknown: dict[str, Any]) -> dict[str, Any]:
    posted_at = parse_time(unix=raw.date_unixtime, local=raw.date, zone=zone, field="date")
    if posted_at is None:
        raise InvalidTime("date")
    return {
        "message_id": raw.id,
        "posted_at": posted_at,
        "edited_at": _edited_at(raw, zone, posted_at, unknown),
        "sender_id": "" if raw.from_id is None else str(raw.from_id),
        "author": raw.author or "",
        "forward": _forward(raw),
        "reply_to_message_id": raw.reply_to_message_id,
        "reply_to_chat_id": marked_peer_id(raw.reply_to_peer_id),
        "via_bot": raw.via_bot or "",
        "reactions": tuple([_reaction(r) for r in raw.reactions]) if raw.reactions else (),
    }


def _edited_at(
    raw: RawMessage, zone: tzinfo, posted_at: datetime, unknown: dict[str, Any]
) -> datetime | None:
    unix, local = raw.edited_unixtime, raw.edited
    if "edited_unixtime" in unknown:
        return None  # the local time alone may be one of another zone
    try:
        return parse_edit_time(unix=unix, local=local, zone=zone, posted_at=posted_at)
    except InvalidTime as exc:
        unknown[exc.field] = getattr(raw, exc.field)
        return None


def _content_fields(content: Content) -> dict[str, Any]:
    return {
        "text": content.text,
        "links": tuple(content.entities.links),
        "mentions": tuple(content.entities.mentions),
        "hashtags": tuple(content.entities.hashtags),
        "formatting": content.formatting,
        "attachment": content.files[0] if content.files else None,
        "more_attachments": tuple(content.files[1:]),
        "unknown": kinds_of(content.unknown) if content.unknown else (),
    }


def _extra(raw: RawMessage, content: Content, zone: tzinfo) -> dict[str, Any]:
    extra = unmapped_fields(raw) | content.extra
    if content.unknown:
        extra["unknown"] = content.unknown
    if chosen := _chosen_zone(raw, zone):
        extra["zone"] = chosen
    return extra


def _forward(raw: RawMessage) -> Forward | None:
    if raw.model_fields_set.isdisjoint(("forwarded_from", "forwarded_from_id")):
        return None
    chat_id = marked_peer_id(raw.forwarded_from_id)
    return Forward(from_name=raw.forwarded_from or "", from_chat_id=chat_id)


def _reaction(raw: RawReaction) -> Reaction:
    document = raw.document_id or ""
    return Reaction(
        kind=raw.type,
        value=raw.emoji or ("" if document.startswith("(") else document),
        count=raw.count,
    )


def _album_key(raw: RawMessage, content: Content) -> tuple[Any, ...] | None:
    if len(content.files) != 1 or content.files[0].kind not in _ALBUM_KINDS or raw.poll:
        return None
    if raw.photo is None and raw.file is None:
        return None  # paid media have no file that could be an item
    is_forward = not raw.model_fields_set.isdisjoint(("forwarded_from", "forwarded_from_id"))
    second = raw.date_unixtime or raw.date
    return second, raw.from_id, is_forward, raw.forwarded_from, raw.forwarded_from_id
