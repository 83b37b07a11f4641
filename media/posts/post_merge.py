"""What a later import changes of a stored post. Pure: no queries."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from media.models import MediaRole, MediaState
from media.posts.content import FORMATTING
from media.posts.parsed_message import Shown
from media.posts.post_extra import ZONE, extra_of, fields_of
from media.posts.post_row import PostRow
from media.posts.statements import Merged, Newest, Statements, Value, merge, wins

_ALWAYS_SAID = object()
"""Equal to no value: an empty text says that there is no text."""
_FIELDS: dict[str, dict[str, object]] = {
    "text": {
        "content": _ALWAYS_SAID, "content_hash": "", "urls": [], "mentions": [], "hashtags": [],
    },
    "source": {"source": _ALWAYS_SAID},
    "edited": {"edited_at": None, "is_edited": False},
    "media_kind": {"media_kind": "", "has_media": False},
    "reactions": {"reactions_count": 0, "reactions": []},
    "reply": {"reply_to_message_id": None, "reply_to_chat_id": None},
    "is_forward": {"is_forward": False},
    **{name: {name: ""} for name in ("media_name", "post_author", "via_bot", "forward_from_name")},
    **{name: {name: None} for name in ("views_count", "forwards_count", "replies_count")},
    **{
        name: {name: None}
        for name in ("forward_from_chat_id", "forward_from_message_id", "forward_date")
    },
}  # fmt: skip
"""
Each field with its columns and the values by which, all together, these say nothing.

Time, state of the media, files and `extra` are fields too, which need more than columns.
"""


def merge_posts(
    stored: PostRow, incoming: PostRow, before: Sequence[Shown], found: Sequence[Shown]
) -> tuple[PostRow, list[Shown]]:
    """
    Merge a stored post that shows `before` with one of a source in which `found` was read.

    Return the row and what it shows then; both are equal to those before where nothing changes.
    """
    ours, theirs = _statements(stored, before), _statements(incoming, found)
    is_corrected = _is_read_in_another_zone(stored, incoming)
    if is_corrected:
        for name in _LOCAL_TIMES & theirs.values.keys():
            ours.values.pop(name, None)
    _settle_files(ours, theirs)
    merged = merge(ours, theirs)
    row = _row(stored, merged.statements)
    if files := merged.statements.values.get("files"):
        states = [
            post.media_state
            for post, said in ((stored, ours), (incoming, theirs))
            if said.values.get("files") == files
        ]
        # Of several files some may have found no room in the bucket.
        row.media_state = MediaState.STORED.value if MediaState.STORED in states else states[0]
    row.source_fingerprint = (
        incoming.source_fingerprint
        if is_corrected
        else _source_fingerprint(stored, incoming, merged)
    )
    is_incoming = row.source_fingerprint == incoming.source_fingerprint
    row.said_as = incoming.said_as if is_incoming else stored.said_as
    row.telegram_post_url = incoming.telegram_post_url
    row.grouped_id = _grouped_id(stored.grouped_id, incoming.grouped_id)
    values = merged.statements.values
    return row, [*values.get("files", ()), *values.get("thumbnail", ())]


def _statements(row: PostRow, shown: Sequence[Shown]) -> Statements:
    values: dict[str, Value] = {
        name: tuple([getattr(row, column) for column in columns])
        for name, columns in _FIELDS.items()
        if any(getattr(row, column) != gap for column, gap in columns.items())
    }
    if "text" in values:
        values["text"] = *values["text"], row.extra.get(FORMATTING, [])
    values["time"] = row.posted_at, row.extra.get(ZONE, "")
    if row.media_state not in ("", MediaState.STORED):
        values["media_state"] = (row.media_state,)
    thumbnails = tuple(s for s in shown if s.role == MediaRole.THUMBNAIL)
    if files := tuple(s for s in shown if s.role != MediaRole.THUMBNAIL):
        values["files"] = files
    if thumbnails:
        values["thumbnail"] = thumbnails
    return Statements(values | fields_of(row.extra), row.as_of, row.older_fields)


_LOCAL_TIMES = frozenset({"time", "edited"})


def _is_read_in_another_zone(stored: PostRow, incoming: PostRow) -> bool:
    """
    Whether the same local time was read in another zone than before, as an operator now says.

    The last choice counts, not the age of the export: that follows from the zone as well.
    """
    before, now = stored.extra.get(ZONE), incoming.extra.get(ZONE)
    if not before or not now or before == now:
        return False
    return stored.posted_at != incoming.posted_at


def _settle_files(one: Statements, other: Statements) -> None:
    """Drop what belongs to no file: why there was none, and the thumbnail of one that is replaced."""
    for said in (one, other):
        if "files" in one.values or "files" in other.values:
            said.values.pop("media_state", None)
    if "files" not in one.values or "files" not in other.values:
        return
    if one.values["files"] != other.values["files"]:
        loser = one if wins(other, one, "files") else other
        loser.values.pop("thumbnail", None)


def _row(stored: PostRow, said: Statements) -> PostRow:
    values = said.values
    columns: dict[str, Any] = {}
    for name in _FIELDS.keys() & values.keys():
        # Of the text, the formatting comes last, which has no column of its own.
        columns |= zip(_FIELDS[name], values[name], strict=name != "text")
    posted_at, zone = values["time"]
    formatting = values["text"][-1] if "text" in values else []
    return replace(
        stored,
        **columns,
        posted_at=posted_at,
        extra=extra_of(values)
        | ({ZONE: zone} if zone else {})
        | ({FORMATTING: formatting} if formatting else {}),
        media_state=values.get("media_state", ("",))[0],
        as_of=said.as_of,
        older_fields=dict(said.older),
    )


def _source_fingerprint(stored: PostRow, incoming: PostRow, merged: Merged) -> str:
    """
    The fingerprint by which the next import skips the message.

    It stands for a source that said all of the newest age by itself; where two sources of the
    same age have each a part of it, none does, and the next import merges again.
    """
    match merged.newest:
        case Newest.STORED:
            return stored.source_fingerprint
        case Newest.INCOMING:
            return incoming.source_fingerprint
        case Newest.EITHER:
            return max(stored.source_fingerprint, incoming.source_fingerprint)
        case Newest.NEITHER:
            return ""


def _grouped_id(stored: int | None, incoming: int | None) -> int | None:
    """Telegram's ids (positive) win over those of the import's rule (negative), any id over none."""
    found = [number for number in (stored, incoming) if number is not None]
    return max(found, default=None)
