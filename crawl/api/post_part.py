"""What this room adds to the description of a post: the pages that it points to."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from crawl.api.serializers import ArticleSerializer
from crawl.models import CrawledPage, PageMention
from media.api.parts import Part


def articles() -> Part:
    return Part("articles", lambda: ArticleSerializer(many=True), _articles, empty=[])


def _articles(post_ids: Sequence[UUID]) -> Mapping[UUID, list[CrawledPage]]:
    rows = PageMention.objects.filter(post__in=post_ids).select_related("page")
    found: dict[UUID, list[CrawledPage]] = {}
    for row in rows.order_by("post", "position"):
        found.setdefault(row.post_id, []).append(row.page)
    return found
