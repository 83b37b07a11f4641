"""
What the tools answer: small JSON objects about what the asker may see.

Nothing here writes. Every text is cut and every list is bounded, so that no answer is larger than a
program can read; what belongs to somebody else is answered like what does not exist.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db.models import Count, Max, Min, Q

from albums.models import MediaGroup
from events.errors import DomainError
from media.models import Channel, Post
from search.ask.answer import Answer
from search.ask.once import ask_once
from search.ask.words import outcome
from search.mcp.asker import Asker
from search.query.parse import MOST_CHARS
from search.query.problems import explain
from search.query.reading.characters import read_characters
from search.services.find import find_text
from search.services.results.shown import Shown, shown
from search.services.results.wording import why
from vision.models import EnrichmentKind, PostEnrichment

MOST_HITS: Final = 20
MOST_CHANNELS: Final = 50
MOST_ITEMS: Final = 30
POST_CHARS: Final = 8000
SHORT_CHARS: Final = 1000


class NotThere(DomainError):
    """There is no such thing, or the asker may not see it; both are said in the same words."""

    code: ClassVar[str] = "not_there"
    http_status: ClassVar[int] = 404


def search(asker: Asker, query: str, *, limit: int, offset: int) -> dict[str, Any]:
    """Posts by a text in the query language, the best first."""
    limit = min(max(limit, 1), MOST_HITS)
    found = find_text(
        query[: 2 * MOST_CHARS], asker.tenants, zone=asker.zone, limit=limit, offset=max(offset, 0)
    )
    explained = [explain(one, translate=str) for one in found.problems]
    return {
        "found": found.found,
        "found_near": found.near,
        "hits": [_hit(one) for one in shown(found)],
        "problems": [f"{one.message} {one.remedy}" for one in explained],
        "degraded": list(found.degraded),
    }


def post(asker: Asker, post_id: str) -> dict[str, Any]:
    """One post with all its text, and what was seen in its pictures."""
    rows = Post.objects.select_related("channel").filter(pk=_uuid(post_id))
    found = asker.visible(rows).first()
    if found is None:
        raise NotThere(f"there is no post {post_id[:40]}")
    seen = PostEnrichment.objects.filter(post=found, kind=EnrichmentKind.VISION).first()
    return {
        **_head(found),
        "text": found.content[:POST_CHARS],
        "is_cut": len(found.content) > POST_CHARS,
        "author": found.post_author,
        "is_forward": found.is_forward,
        "forward_from": found.forward_from_name or "",
        "edited_at": found.edited_at.isoformat() if found.edited_at else None,
        "views": found.views_count,
        "media_kind": found.media_kind,
        "links": [str(url)[:SHORT_CHARS] for url in found.urls[:MOST_ITEMS]],
        "picture_description": seen.vision_description[:SHORT_CHARS] if seen else "",
        "picture_text": seen.vision_ocr_text[:SHORT_CHARS] if seen else "",
        "album_id": _album_of(found),
    }


def album(asker: Asker, album_id: int) -> dict[str, Any]:
    """An album with its items in order, and what they say together."""
    rows = MediaGroup.objects.select_related("channel").filter(pk=_small(album_id))
    found = asker.visible(rows).first()
    if found is None:
        raise NotThere(f"there is no album {album_id}")
    items = found.items.select_related("post").order_by("position")[:MOST_ITEMS]
    together = found.meta.get("enrichment") if isinstance(found.meta, dict) else None
    return {
        "album_id": found.pk,
        "channel": str(found.channel),
        "posted_at": found.posted_at.isoformat(),
        "kind": found.album_kind,
        "caption": found.caption_text[:POST_CHARS],
        "status": found.status,
        "summary": str((together or {}).get("vision_summary") or "")[:POST_CHARS],
        "items_count": found.items_count,
        "items": [
            {
                "position": item.position,
                "post_id": str(item.post_id),
                "kind": item.media_kind,
                "text": item.post.content[:SHORT_CHARS],
            }
            for item in items
        ],
    }


def channel_statistics(asker: Asker, channel: str) -> dict[str, Any]:
    """Channels with their numbers of posts, by the name of one or all of them."""
    rows = asker.visible(Channel.objects.all())
    if name := read_characters(channel[:MOST_CHARS]).text.strip().removeprefix("@"):
        rows = rows.filter(Q(username__iexact=name) | Q(title__icontains=name))
    chosen = list(rows.order_by("title", "pk")[: MOST_CHANNELS + 1])
    figures = _figures(chosen[:MOST_CHANNELS])
    return {
        "channels": [_channel(one, figures.get(one.pk, {})) for one in chosen[:MOST_CHANNELS]],
        "there_are_more": len(chosen) > MOST_CHANNELS,
    }


def ask(asker: Asker, question: str) -> dict[str, Any]:
    """An answer to a question with citations, or the passages alone."""
    answer = ask_once(
        asker.user.pk if asker.user else None,
        question[:MOST_CHARS],
        asker.tenants,
        may_spend=asker.may_spend,
        zone=asker.zone,
    )
    return {
        "status": answer.status.value,
        "answer": answer.text,
        "message": outcome(answer),
        "reason": answer.reason.value if answer.reason else None,
        "passages": _passages(answer),
    }


def _passages(answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            "number": one.number,
            "post_id": str(one.post_id),
            "channel": one.channel,
            "url": one.url,
            "posted_at": one.posted_at.isoformat(),
            "text": one.text,
        }
        for one in answer.passages
    ]


def _hit(one: Shown) -> dict[str, Any]:
    return {**_head(one.post), "snippet": one.fragment.text, "why": why(one)}


def _head(one: Post) -> dict[str, Any]:
    return {
        "post_id": str(one.pk),
        "channel": str(one.channel),
        "url": one.telegram_post_url,
        "posted_at": one.posted_at.isoformat(),
        "deleted_at": one.deleted_at.isoformat() if one.deleted_at else None,
        "media_state": one.media_state,
    }


def _album_of(one: Post) -> int | None:
    if one.grouped_id is None:
        return None
    rows = MediaGroup.objects.filter(channel=one.channel_id, items__post=one)
    return rows.values_list("pk", flat=True).first()


def _figures(channels: Sequence[Channel]) -> dict[Any, dict[str, Any]]:
    rows = Post.objects.filter(channel__in=[one.pk for one in channels]).order_by()
    counted = rows.values("channel").annotate(
        posts=Count("pk"),
        with_media=Count("pk", filter=Q(has_media=True)),
        first=Min("posted_at"),
        last=Max("posted_at"),
    )
    return {row["channel"]: dict(row) for row in counted}


def _channel(one: Channel, figures: dict[str, Any]) -> dict[str, Any]:
    first, last = figures.get("first"), figures.get("last")
    return {
        "title": one.title,
        "username": one.username,
        "posts": figures.get("posts", 0),
        "posts_with_media": figures.get("with_media", 0),
        "first_post_at": first.isoformat() if first else None,
        "last_post_at": last.isoformat() if last else None,
    }


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotThere(f"{text[:40]!r} is no id of a post") from error


def _small(number: int) -> int:
    """A number that the database has; others are the id of nothing."""
    return number if 0 < number < 2**63 else 0
