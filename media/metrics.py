"""Metrics of files on their way into the archive and through it (CONTRACT §16.1)."""

from collections.abc import Iterable, Iterator
from typing import Final

from events.metrics import counter, histogram
from media.models import MediaState
from media.posts.parsed_message import ParsedMessage
from media.sources.port import MediaKind, Problem
from storage_quota.units import GIB, MIB

_MEDIA: Final = {
    MediaKind.PHOTO.value: "photo",
    MediaKind.VIDEO.value: "video",
    MediaKind.ANIMATION.value: "video",
    MediaKind.VIDEO_MESSAGE.value: "video",
}
_DOCUMENT: Final = "doc"
_FILES: Final = ("photo", "video", _DOCUMENT)
_FAILED: Final = frozenset(
    {
        MediaState.QUOTA_EXCEEDED,
        MediaState.MISSING,
        MediaState.EMPTY,
        MediaState.UNREADABLE,
        MediaState.UNSAFE_PATH,
    }
)
"""States of files that the source has and the archive has not; the rest are not the import's fault."""

PROCESSING: Final = counter(
    "media_processing_total",
    "Files stored by imports and analyzed, albums assembled; by what came of it",
    {
        "stage": ("store",),
        "media": _FILES,
        "outcome": ("success", "duplicate", "skipped", "error"),
    },
    {"stage": ("analyze",), "media": _FILES, "outcome": ("success", "skipped", "error")},
    {"stage": ("assemble",), "media": ("album",), "outcome": ("success", "partial", "error")},
)
BYTES: Final = counter(
    "media_bytes_total", "Bytes of new files that imports stored", {"media": _FILES}
)
SIZES: Final = histogram(
    "media_size_bytes",
    "Sizes of new files that imports stored",
    {"media": _FILES},
    buckets=(10_000, 100_000, 500_000, MIB, 5 * MIB, 15 * MIB, 50 * MIB, 200 * MIB, GIB),
)


def media_label(kind: str) -> str:
    """One of `photo`, `video` and `doc`, whatever kinds of files Telegram invents."""
    return _MEDIA.get(kind, _DOCUMENT)


def count_imported(messages: Iterable[ParsedMessage], stored: Iterable[str]) -> None:
    """Count the main file of each message; `stored` are the SHA-256 of the contents put just now."""
    new = set(stored)
    for media, outcome, size_bytes in _outcomes(messages, new):
        PROCESSING.labels("store", media, outcome).inc()
        if outcome == "success":
            BYTES.labels(media).inc(size_bytes)
            SIZES.labels(media).observe(size_bytes)


def count_analyzed(kind: str, outcome: str) -> None:
    """Count a file whose analysis is saved: `success`, `skipped` or `error`."""
    PROCESSING.labels("analyze", media_label(kind), outcome).inc()


def count_assembled(outcome: str) -> None:
    """Count an album: `success`, `partial` or `error`."""
    PROCESSING.labels("assemble", "album", outcome).inc()


def _outcomes(messages: Iterable[ParsedMessage], new: set[str]) -> Iterator[tuple[str, str, int]]:
    for parsed in messages:
        attachment = parsed.message.attachment
        if attachment is None:
            continue
        media = media_label(attachment.kind)
        if parsed.state != MediaState.STORED or not parsed.blobs:
            yield media, "error" if parsed.state in _FAILED else "skipped", 0
            continue
        main = parsed.blobs[0]
        yield media, "success" if main.sha256 in new else "duplicate", main.size_bytes
        # The next message of the batch that shows the same content finds it stored.
        new.discard(main.sha256)


FAILED: Final = counter(
    "media_processing_failed_total",
    "Messages that were read from Telegram and could not be kept whole",
    {"reason": ("quota_exceeded", "download_error", "unsupported_format", "other")},
)
FLOOD_WAIT: Final = counter(
    "parser_floodwait_seconds_total", "Seconds that Telegram asked to wait before another request"
)
RUNS: Final = counter(
    "parser_runs_total",
    "Readings of channels of Telegram",
    {"mode": ("news", "history", "live"), "status": ("ok", "error")},
)
_REASONS: Final = {
    "quota_exceeded": "quota_exceeded",
    "unreadable_file": "download_error",
    "empty_file": "download_error",
    "missing_file": "download_error",
    "invalid_message": "unsupported_format",
}


def count_failed(problems: Iterable[Problem]) -> None:
    """Count messages of Telegram that could not be kept whole."""
    for problem in problems:
        FAILED.labels(_REASONS.get(problem.code, "other")).inc()
