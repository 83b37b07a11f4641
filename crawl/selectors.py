"""Reading articles: lists, the texts of posts' pages, and what changed between versions."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from django.db.models import F, QuerySet

from crawl.models import CrawledPage, PageMention, PageVersion

DIFF_LINES: Final = 400
"""Lines of a difference that are shown; comparing takes time with the square of the lines."""
COMPARED_LINES: Final = 2000
MOST_POSTS: Final = 50


def current(page: CrawledPage) -> PageVersion | None:
    """What the page says now, or said last."""
    return PageVersion.objects.filter(page=page, number=page.version).first()


def versions_of(page: CrawledPage) -> QuerySet[PageVersion]:
    """Its versions, newest first, without their texts."""
    return PageVersion.objects.filter(page=page).order_by("-number").defer("text")


def texts_of(post_ids: Sequence[UUID]) -> Iterator[tuple[UUID, str, str]]:
    """Yield post, title and text of the pages that posts point to, in the order of their links."""
    rows = PageMention.objects.filter(
        post__in=post_ids, page__versions__number=F("page__version")
    ).order_by("post", "position")
    yield from rows.values_list("post", "page__title", "page__versions__text")


def difference(older: str, newer: str) -> list[str]:
    """Lines that went (with `-`) and came (with `+`), at most DIFF_LINES."""
    old, new = older.splitlines()[:COMPARED_LINES], newer.splitlines()[:COMPARED_LINES]
    lines = difflib.unified_diff(old, new, n=0, lineterm="")
    told = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    return told[:DIFF_LINES]


def changes_of(page: CrawledPage) -> list[str]:
    """What the current version says that the one before did not, and the other way round."""
    last = list(PageVersion.objects.filter(page=page).order_by("-number")[:2])
    return difference(last[1].text, last[0].text) if len(last) > 1 else []
