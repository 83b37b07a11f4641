"""Where in the documents of a post its matching words stand: the file and the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from search.fragments import Fragment
from search.index.postgresql.lexemes import any_of
from search.services.results.highlight import highlight


@dataclass(frozen=True, slots=True)
class FileHit:
    """
    A document of a post, and the part of its text that a query is about.

    `name` is the one that the post gave the file, or empty; `page` is None where its format has no
    pages; `label` is the name of a sheet.
    """

    media_id: UUID
    name: str
    page: int | None
    label: str
    fragment: Fragment


def place(found: FileHit) -> str:
    """Say where it is, for people: the file, and the page or sheet."""
    parts = [found.name or _("a file of the post")]
    if found.label:
        parts.append(_("sheet “%s”") % found.label)
    elif found.page is not None:
        parts.append(_("page %d") % found.page)
    return ", ".join(parts)


# The best page of each post: that with most of the words, the first of equal ones. The texts of
# other pages are not read.
_BEST = """
    SELECT DISTINCT ON (shown.post_id) shown.post_id, shown.media_object_id,
           CASE WHEN shown.role = 'primary' THEN post.media_name ELSE '' END,
           part.page, part.label, part.text
    FROM post_media_map AS shown
    JOIN posts AS post ON post.id = shown.post_id
    JOIN document_pages AS part ON part.document_id = shown.media_object_id
    WHERE shown.post_id = ANY(%(posts)s) AND shown.role <> 'thumbnail'
      AND (%(any)s = '' OR part.words @@ %(any)s::tsquery)
    ORDER BY shown.post_id, CASE WHEN %(any)s = '' THEN 0 ELSE ts_rank(part.words, %(any)s::tsquery) END DESC,
             shown.position, part.position
"""


def found_in_files(post_ids: Sequence[UUID], lexemes: Sequence[str]) -> dict[UUID, FileHit]:
    """
    The page of each post's documents that has most of the words; of those that have any.

    Without words the beginning of its first document. Two queries for all posts.
    """
    if not post_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_BEST, {"posts": list(post_ids), "any": any_of(lexemes)})
        rows = cursor.fetchall()
    fragments = highlight([row[-1] for row in rows], lexemes) if rows else []
    return {
        post_id: FileHit(media_id, name, page, label, fragment)
        for (post_id, media_id, name, page, label, _), fragment in zip(rows, fragments, strict=True)
    }
