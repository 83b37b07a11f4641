"""Hits of a search as the console shows them."""

from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from media.admin.pictures import thumbnail_address
from media.lost_files import LOST
from media.models import Post
from search.fragments import Fragment
from search.services.results.found_in_files import place
from search.services.results.shown import Shown
from search.services.results.wording import album_of, deleted, further_matches, why

_CUT = "…"


@dataclass(frozen=True, slots=True)
class Line:
    """
    A hit on the page.

    `parts` are further texts that have words of the query, and what they are; `picture` is the
    address of the thumbnail of the picture that matches, else of the first one.
    """

    post: Post
    text: SafeString
    parts: tuple[tuple[str, SafeString], ...] = ()
    place: str = ""
    """In which file and on which page the text stands; empty where it is the post's."""
    album: str = ""
    deleted: str = ""
    """Since when it is deleted in Telegram; empty where it is not."""
    lost: str = ""
    """That its file is lost, and how; empty where it is not."""
    why: str = ""
    picture: str = ""


def line_of(one: Shown) -> Line:
    pictures = one.matching_pictures or one.pictures
    return Line(
        post=one.post,
        text=marked(one.fragment),
        parts=tuple((name, marked(match.fragment)) for name, match in further_matches(one)),
        place=place(one.file) if one.file else "",
        album=album_of(one),
        deleted=deleted(one.post),
        lost=str(one.post.get_media_state_display()) if one.post.media_state in LOST else "",
        why=why(one),
        picture=thumbnail_address(pictures[0].media_id) if pictures else "",
    )


def marked(fragment: Fragment) -> SafeString:
    """The fragment as HTML, its matching words in <mark>."""
    parts, last = [], 0
    for start, end in fragment.spans:
        parts.append((fragment.text[last:start], fragment.text[start:end]))
        last = end
    html = format_html_join("", "{}<mark>{}</mark>", parts)
    before, after = _CUT * fragment.cut_before, _CUT * fragment.cut_after
    return format_html("{}{}{}{}", before, html, fragment.text[last:], after)
