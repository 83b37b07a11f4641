"""Hits with what is shown of their posts: the post, the matching part of its text, its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count
from django.utils.translation import gettext as _

from media.models import MediaRole, Post, PostMedia
from search.fragments import Fragment
from search.services.find import Hit, Hits
from search.services.found_in_files import FileHit, found_in_files
from search.services.highlight import highlight

_VISIBLE_ROLES = (MediaRole.PRIMARY, MediaRole.ATTACHMENT)


@dataclass(frozen=True, slots=True)
class Shown:
    """
    `fragment` is of the post's text; where there is none, of the words in its pictures or files.

    Where the words are not in that text but in a document of the post, it is of the document, and
    `file` names it and the page.
    """

    hit: Hit
    post: Post
    fragment: Fragment
    media_count: int
    file: FileHit | None = None


def shown(found: Hits) -> list[Shown]:
    """Read what is shown of a page of hits, by a constant number of queries."""
    ids = [hit.post_id for hit in found.hits]
    posts = Post.objects.select_related("channel").in_bulk(ids)
    # A post may have been deleted since it was found.
    hits = [hit for hit in found.hits if hit.post_id in posts]
    fragments = highlight([_text(posts[hit.post_id]) for hit in hits], found.lexemes)
    counts = _media_counts(ids)
    unexplained = [
        hit.post_id
        for hit, fragment in zip(hits, fragments, strict=True)
        if not fragment.spans and (found.lexemes or not posts[hit.post_id].content)
    ]
    files = found_in_files(unexplained, found.lexemes)
    return [
        _shown(hit, posts[hit.post_id], fragment, counts, files.get(hit.post_id))
        for hit, fragment in zip(hits, fragments, strict=True)
    ]


def _shown(
    hit: Hit, post: Post, fragment: Fragment, counts: dict[UUID, int], file: FileHit | None
) -> Shown:
    count = counts.get(hit.post_id, 0)
    return Shown(hit, post, file.fragment if file else fragment, count, file)


def why(hit: Hit) -> str:
    """Say why a post was found; empty where only conditions were asked for."""
    reasons = [_("words: %s") % ", ".join(hit.words)] if hit.words else []
    reasons += [_("tags: %s") % ", ".join(f"#{tag}" for tag in hit.tags)] if hit.tags else []
    if hit.distance is not None:
        reasons.append(_("distance of meaning: %.2f") % hit.distance)
    return "; ".join(reasons)


def _text(post: Post) -> str:
    return post.content or post.picture_words or post.other_words


def _media_counts(post_ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = PostMedia.objects.filter(post__in=post_ids, role__in=_VISIBLE_ROLES)
    return dict(rows.order_by().values_list("post").annotate(Count("pk")))
