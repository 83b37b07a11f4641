"""Metrics of files on their way into the archive and through it (CONTRACT §16.1)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from events.metrics import counter, histogram, measured
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
SECONDS: Final = histogram(
    "media_processing_duration_seconds",
    "Time to put a file into the bucket, to analyze one, to assemble an album",
    {"stage": ("store",), "media": _FILES, "outcome": ("success",)},
    {"stage": ("analyze",), "media": _FILES, "outcome": ("success", "skipped", "error")},
    {"stage": ("assemble",), "media": ("album",), "outcome": ("success", "partial", "error")},
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300),
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


def count_imported(messages: Iterable[ParsedMessage], stored: Mapping[str, float]) -> None:
    """
    Count the main file of each message.

    `stored` are the contents that were put just now: the seconds each put took, by SHA-256.
    """
    found: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for media, outcome, size_bytes, seconds in _outcomes(messages, dict(stored)):
        found[media, outcome].append((size_bytes, seconds))
    for (media, outcome), files in found.items():
        PROCESSING.labels("store", media, outcome).inc(len(files))
        if outcome == "success":
            _observe_stored(media, files)


def _observe_stored(media: str, files: Sequence[tuple[int, float]]) -> None:
    """Observe new files of one kind: the bytes of each, and the seconds of its put."""
    sizes, times = SIZES.labels(media), SECONDS.labels("store", media, "success")
    for size_bytes, seconds in files:
        sizes.observe(size_bytes)
        times.observe(seconds)
    BYTES.labels(media).inc(sum(size_bytes for size_bytes, _ in files))


def count_analyzed(kind: str, outcome: str, seconds: float) -> None:
    """Count a file whose analysis is saved: `success`, `skipped` or `error`."""
    _count("analyze", media_label(kind), outcome, seconds)


def count_assembled(outcome: str, seconds: float) -> None:
    """Count an album: `success`, `partial` or `error`."""
    _count("assemble", "album", outcome, seconds)


def _count(stage: str, media: str, outcome: str, seconds: float) -> None:
    PROCESSING.labels(stage, media, outcome).inc()
    SECONDS.labels(stage, media, outcome).observe(seconds)


def _outcomes(
    messages: Iterable[ParsedMessage], new: dict[str, float]
) -> Iterator[tuple[str, str, int, float]]:
    for parsed in messages:
        attachment = parsed.message.attachment
        if attachment is None:
            continue
        media = media_label(attachment.kind)
        if parsed.state != MediaState.STORED or not parsed.blobs:
            yield media, "error" if parsed.state in _FAILED else "skipped", 0, 0.0
            continue
        main = parsed.blobs[0]
        # The next message of the batch that shows the same content finds it stored.
        seconds = new.pop(main.sha256, None)
        outcome = "duplicate" if seconds is None else "success"
        yield media, outcome, main.size_bytes, seconds or 0.0


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


ALBUMS: Final = counter(
    "media_albums_processed_total",
    "Albums of which messages were written: all of their files kept, or not",
    {"status": ("ok", "error")},
)
OBJECTS: Final = counter(
    "media_objects_upserted_total",
    "Rows of files that imports wrote: new ones, and ones that were there",
    {"status": ("inserted", "updated")},
)
REFERENCES: Final = counter(
    "media_objects_refs_updated_total",
    "References of posts to files that imports added or took away",
)
SHOWN: Final = counter(
    "post_media_map_inserted_total",
    "Files that imports showed in posts: of posts that had none, and instead of others",
    {"status": ("new", "replaced")},
)
NEWS_AGE: Final = measured(
    "parser_hwm_age_seconds",
    "Time since the channel of Telegram that waits longest was last read",
)
_WRITTEN: Final = {
    "objects_inserted": OBJECTS.labels("inserted"),
    "objects_updated": OBJECTS.labels("updated"),
    "references": REFERENCES,
    "shown_new": SHOWN.labels("new"),
    "shown_replaced": SHOWN.labels("replaced"),
}
"""What a committed batch has written, by the names in `BatchPlan.written`."""


def count_written(written: Mapping[str, int]) -> None:
    """Count the rows of files that a batch wrote, once it is committed."""
    for name, rows in written.items():
        _WRITTEN[name].inc(rows)


def count_albums(messages: Iterable[ParsedMessage], albums: Mapping[int, int]) -> None:
    """Count the albums of a batch; `albums` are their numbers by the ids of the messages."""
    failed: dict[int, bool] = {}
    for parsed in messages:
        album = albums.get(parsed.message.message_id)
        if album is not None:
            failed[album] = failed.get(album, False) or parsed.state in _FAILED
    for is_failed in failed.values():
        ALBUMS.labels("error" if is_failed else "ok").inc()
