"""What `diag_albums` shows of an album, as JSON has it; and its options that several parts share."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from albums.models import MediaGroup
from albums.services.progress import Progress, ShownItem, progress_of
from events.errors import DomainError
from events.management.numbers import amount


class AlbumUnknown(DomainError):
    """There is no such album, or it belongs to a tenant that the user of `--as` may not see."""

    code: ClassVar[str] = "album_unknown"
    http_status: ClassVar[int] = 404


def add_json_option(parser: CommandParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def add_minutes_option(parser: CommandParser) -> None:
    parser.add_argument(
        "--minutes",
        type=_minutes,
        metavar="N",
        help="stuck: nothing has come for N minutes (default: ALBUM_TIMEOUT_MINUTES)",
    )


def _minutes(text: str) -> timedelta:
    return timedelta(minutes=amount(text))


def patience(options: dict[str, Any]) -> timedelta:
    """After how long without progress an album counts as stuck."""
    given: timedelta | None = options["minutes"]
    return settings.ALBUM_TIMEOUT if given is None else given


def facts_of(group: MediaGroup) -> dict[str, Any]:
    """Describe an album of `select_related("channel", "tenant")`, by three queries."""
    progress = progress_of(group)
    return {
        "album_id": group.pk,
        "tenant": group.tenant.name,
        "channel": group.channel.title,
        "grouped_id": group.grouped_id,
        "kind": group.album_kind,
        "caption": group.caption_text,
        "status": group.status,
        "version": group.version,
        "revision": group.revision,
        "assembled_at": _moment(group.assembled_at),
        "is_claimed": group.claimed_until is not None,
        "items_count": group.items_count,
        "items_analyzed": progress.analyzed_count,
        "items_awaited": len(progress.awaited),
        **_wait(progress),
        "items": [_item(item) for item in progress.items],
    }


def _wait(progress: Progress) -> dict[str, str | None]:
    moments = {
        "waits_since": progress.waits_since,
        "last_progress_at": progress.last_progress_at,
        "due_at": progress.due_at,
    }
    return {name: _moment(at) if progress.is_waiting else None for name, at in moments.items()}


def _item(item: ShownItem) -> dict[str, Any]:
    return {
        "position": item.position,
        "post_id": str(item.row.post_id),
        "message_id": item.row.post.telegram_message_id,
        "kind": item.row.media_kind,
        "state": state_of(item),
        "analyzed_at": _moment(item.outcome.analyzed_at),
    }


def state_of(item: ShownItem) -> str:
    """One word: analyzed, awaited, without_file, or left_out by a decision or a failure."""
    if item.outcome.analyzed_at:
        return "analyzed"
    if item.is_awaited:
        return "awaited"
    return "left_out" if item.row.sha256 else "without_file"


def awaited_in_words(known: dict[str, Any]) -> Iterator[str]:
    """Say of each awaited item which message it is; positions as people count."""
    for item in known["items"]:
        if item["state"] == "awaited":
            yield _("position %(position)d, message %(message)d, post %(post)s") % {
                "position": item["position"] + 1,
                "message": item["message_id"],
                "post": item["post_id"],
            }


def _moment(at: datetime | None) -> str | None:
    return localtime(at).isoformat(timespec="seconds") if at else None
