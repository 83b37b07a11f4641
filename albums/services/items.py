"""The items of an album with the outcomes of their analyses."""

from collections.abc import Sequence
from dataclasses import replace

from albums.models import MediaGroup, MediaGroupItem
from albums.summary import ItemView
from vision.models import EnrichmentKind, PostEnrichment


def read_items(group: MediaGroup) -> list[ItemView]:
    """Read the items of an album in order, with their outcomes, by two queries."""
    return views_of(list(MediaGroupItem.objects.filter(group=group).order_by("position")))


def views_of(items: Sequence[MediaGroupItem]) -> list[ItemView]:
    """Read the outcomes of these items, by one query; in the order of the items."""
    outcomes = {
        e.post_id: e
        for e in PostEnrichment.objects.filter(
            kind=EnrichmentKind.VISION, post__in=[i.post_id for i in items]
        )
    }
    return [_view(item, outcomes.get(item.post_id)) for item in items]


def is_partial(items: Sequence[ItemView]) -> bool:
    """Whether an item that has a file was not analyzed, whatever the reason (CONTRACT fact 90)."""
    return any(item.sha256 and item.analyzed_at is None for item in items)


def _view(item: MediaGroupItem, found: PostEnrichment | None) -> ItemView:
    outcome = found if _is_of_this_picture(item, found) else None
    item_view = ItemView(
        post_id=str(item.post_id),
        position=item.position,
        sha256=item.sha256,
        seen=outcome is not None or not item.sha256,  # without a file no outcome will come
    )
    if outcome is None:
        return item_view
    classification = outcome.vision_classification or {}
    return replace(
        item_view,
        analyzed_at=outcome.vision_analyzed_at,
        description=outcome.vision_description,
        labels=classification.get("tags", []),
        ocr_text=outcome.vision_ocr_text,
        is_meme=outcome.vision_is_meme,
        features_hash=outcome.features_hash,
    )


def _is_of_this_picture(item: MediaGroupItem, outcome: PostEnrichment | None) -> bool:
    """Whether an outcome is of the item's picture, not of one that an edit has replaced since."""
    if outcome is None:
        return False
    decided = {decision["sha256"] for decision in outcome.metadata.get("decisions", [])}
    return not decided or not item.sha256 or item.sha256 in decided
