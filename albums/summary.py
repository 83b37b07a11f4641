"""The summary of an album: the outcomes of its items, merged by position. No queries."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MAX_DESCRIPTIONS, MAX_LABELS, MAX_TEXTS = 5, 20, 3
SEPARATOR = " | "
"""Figures of CONTRACT §10.4."""


@dataclass(frozen=True, slots=True)
class ItemView:
    """
    An item of an album with its outcome.

    `seen` is false while the outcome is awaited; an item that was skipped, failed or has no file
    is seen, but not analyzed (`analyzed_at` is None).
    """

    post_id: str
    position: int
    sha256: str = ""
    seen: bool = True
    analyzed_at: datetime | None = None
    description: str = ""
    labels: Sequence[str] = ()
    ocr_text: str = ""
    is_meme: bool = False
    features_hash: str = ""


@dataclass(frozen=True, slots=True)
class AlbumSummary:
    """The aggregate of CONTRACT §10.4 and §10.5."""

    items_count: int
    items_analyzed: int
    vision_summary: str
    vision_labels: list[str] = field(default_factory=list)
    ocr_text: str = ""
    has_meme: bool = False
    has_text: bool = False
    first_analyzed_at: datetime | None = None
    last_analyzed_at: datetime | None = None

    def lag_seconds(self, completed_at: datetime) -> float:
        """Seconds from the first analysis of an item to the assembly; 0 where none was analyzed."""
        if self.first_analyzed_at is None:
            return 0.0
        return max((completed_at - self.first_analyzed_at).total_seconds(), 0.0)


def summarize(items: Iterable[ItemView]) -> AlbumSummary:
    ordered = sorted(items, key=lambda item: item.position)
    analyzed = [item for item in ordered if item.analyzed_at is not None]
    times = [item.analyzed_at for item in analyzed if item.analyzed_at is not None]
    return AlbumSummary(
        items_count=len(ordered),
        items_analyzed=len(analyzed),
        vision_summary=_join((i.description for i in analyzed), limit=MAX_DESCRIPTIONS),
        vision_labels=_labels(analyzed),
        ocr_text=_join((i.ocr_text for i in analyzed), limit=MAX_TEXTS),
        has_meme=any(item.is_meme for item in analyzed),
        has_text=any(item.ocr_text.strip() for item in analyzed),
        first_analyzed_at=min(times, default=None),
        last_analyzed_at=max(times, default=None),
    )


def items_fingerprint(items: Iterable[ItemView]) -> str:
    """Hash everything that the summary depends on: equal items need no second assembly."""
    parts = [
        [i.post_id, i.position, i.sha256, i.seen, i.features_hash]
        for i in sorted(items, key=lambda item: item.position)
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def document(
    summary: AlbumSummary, *, identity: dict[str, Any], completed_at: datetime, status: str
) -> dict[str, Any]:
    """The JSON object in the bucket: the 13 fields of CONTRACT §10.5 and what helps to read it."""
    return {
        **identity,
        "schema_version": "1.0",
        "status": status,
        "items_count": summary.items_count,
        "items_analyzed": summary.items_analyzed,
        "vision_summary": summary.vision_summary,
        "vision_labels": summary.vision_labels,
        "ocr_text": summary.ocr_text,
        "has_meme": summary.has_meme,
        "has_text": summary.has_text,
        "first_analyzed_at": _iso(summary.first_analyzed_at),
        "last_analyzed_at": _iso(summary.last_analyzed_at),
        "assembly_completed_at": completed_at.isoformat(),
        "assembly_lag_seconds": summary.lag_seconds(completed_at),
    }


def _join(texts: Iterable[str], *, limit: int) -> str:
    unique = dict.fromkeys(text.strip() for text in texts if text.strip())
    return SEPARATOR.join(list(unique)[:limit])


def _labels(items: Sequence[ItemView]) -> list[str]:
    """Labels by frequency; those of equal frequency in the order in which they first appear."""
    normalized = (label.strip().lower() for item in items for label in item.labels)
    return [label for label, _ in Counter(filter(None, normalized)).most_common(MAX_LABELS)]


def _iso(value: datetime | None) -> str | None:
    return value.isoformat() if value else None
