"""The payload of a post in an index of vectors (CONTRACT §12.1): what filters see, and a little text."""

from collections.abc import Iterable
from typing import Any, Final

from search.documents import LONGEST_WORD
from search.sources import IndexedPost

TEXT_CHARS: Final = 500
MOST_LABELS, MOST_OBJECTS, MOST_COLORS = 20, 10, 5


def payload_of(one: IndexedPost) -> dict[str, Any]:
    """The payload as JSON has it. The post's enrichment has to be read with its data."""
    post = one.post
    return {
        "post_id": str(post.pk),
        "tenant_id": str(post.tenant_id),
        "channel_id": str(post.channel_id),
        "telegram_message_id": post.telegram_message_id,
        "album_id": one.album_id,
        "text_short": post.content[:TEXT_CHARS],
        "content_length": len(post.content),
        "tags": words(one.document.tags),
        "has_media": post.has_media,
        "vision": _vision(one),
        "crawl": {"has_crawl": False, "html_key": None, "word_count": 0},  # no room crawls yet
        "created_at": post.created_at.isoformat(),
        "posted_at": post.posted_at.isoformat(),
        "expires_at": None,  # posts are kept
    }


def words(found: Iterable[Any]) -> list[str]:
    """The words that are not too long to be one."""
    return [word for word in map(str, found) if len(word) <= LONGEST_WORD]


def _vision(one: IndexedPost) -> dict[str, Any]:
    data = (one.enrichment.data if one.enrichment else None) or {}
    scene = str(data.get("scene") or "")
    return {
        "is_meme": one.is_meme,
        "labels": words(data.get("labels") or [])[:MOST_LABELS],
        "objects": words(data.get("objects") or [])[:MOST_OBJECTS],
        "scene": scene if scene and len(scene) <= TEXT_CHARS else None,
        "nsfw_score": _greatest(data, "nsfw_score"),
        "aesthetic_score": _greatest(data, "aesthetic_score"),
        "classification": one.classification or None,
        "dominant_colors": words(data.get("dominant_colors") or [])[:MOST_COLORS],
    }


def _greatest(data: dict[str, Any], score: str) -> float | None:
    """The greatest score of the post's pictures; None where none has one."""
    analyses = (data.get("analyses") or {}).values()
    scores = [one[score] for one in analyses if isinstance(one.get(score), int | float)]
    return max(scores, default=None)
