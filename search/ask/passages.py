"""The passages out of which a question is answered: what was found, in the words of the posts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from media.models import Post
from search.services.results.shown import Shown

CHARS: Final = 1000
"""
Of a post; a longer one is shown from its beginning, and around the words that were found. Where those
are in a document, that part of it is shown as well.
"""
_APART: Final = " … "


@dataclass(frozen=True, slots=True)
class Passage:
    """Part of a post, by the number under which an answer cites it."""

    number: int
    post_id: UUID
    tenant_id: UUID
    channel: str
    url: str
    posted_at: datetime
    text: str


def passages_of(hits: Sequence[Shown], *, most: int) -> tuple[Passage, ...]:
    """Number the best `most` of the hits that have a text; the same text counts once."""
    return tuple(
        Passage(
            number=number,
            post_id=post.pk,
            tenant_id=post.tenant_id,
            channel=str(post.channel),
            url=post.telegram_post_url,
            posted_at=post.posted_at,
            text=text,
        )
        for number, (post, text) in enumerate(_different(hits, most), start=1)
    )


def _different(hits: Iterable[Shown], most: int) -> list[tuple[Post, str]]:
    found: dict[str, Post] = {}
    for hit in hits:
        text = _text(hit)
        if text and text not in found and len(found) < most:
            found[text] = hit.post
    return [(post, text) for text, post in found.items()]


def _text(hit: Shown) -> str:
    post, fragment = hit.post, hit.fragment
    whole = "\n".join(filter(None, (post.content.strip(), post.picture_words.strip())))
    whole = whole or post.other_words.strip()
    around = fragment.text.strip()
    if hit.file is not None:  # found in a document of the post, whose text is not in the post's
        head = whole[: CHARS - len(around)].rstrip()
        return f"{head}{_APART}{around}" if head else around
    if len(whole) <= CHARS:
        return whole
    if not fragment.cut_before or around in whole[:CHARS]:
        return whole[:CHARS].rstrip() + _APART.rstrip()
    head = whole[: CHARS - len(around)].rstrip()
    return f"{head}{_APART}{around}"
