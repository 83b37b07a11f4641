"""The console's page on which everybody in it searches the posts that he may see."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from media.models import Post
from search.fusion import WINDOW
from search.services.find import search
from search.services.results.hits import Hits
from search.services.results.shown import shown
from search.services.results.wording import counted, remarks
from search.services.similar.posts import UnknownPost, similar
from telegram_assistant.console.search import search_facets
from telegram_assistant.console.search.found_posts import line_of

NAME = "find_posts"
PER_PAGE = 10
LAST_PAGE = 2 * WINDOW // PER_PAGE
EXAMPLES = (
    (_("snow mountains"), _("any of these words, or others of the same meaning")),
    (_('"first snow"'), _("exactly these words, one after the other")),
    (_("#winter -advertising"), _("first posts with the hashtag, none with this word")),
    (_("has:photo after:7d"), _("with a photo, of the last week")),
    (_("is:forward has:link"), _("forwarded, and with a link")),
    ("https://t.me/durov/45", _("the message of this link")),
)
"""What can be typed, and what it asks for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page shows: the hits, what is to be said about them, and the post they are like."""

    found: Hits
    remarks: list[str]
    like: Post | None = None


def view(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    text, like = request.GET.get("q", ""), request.GET.get("like", "")
    page = _page(request.GET.get("p", ""))
    answer = _answer(request, text, like, offset=(page - 1) * PER_PAGE)
    pages = -(-answer.found.found // PER_PAGE)
    context = {
        **site.each_context(request),
        "title": _("Search posts"),
        "text": text,
        "asked": bool(text.strip() or like),
        "like": answer.like,
        "found": answer.found,
        "counted": counted(answer.found),
        "best_of_more": answer.found.found >= WINDOW,
        "lines": [line_of(one) for one in shown(answer.found)],
        "remarks": answer.remarks,
        "examples": [(example, _link(q=example), meaning) for example, meaning in EXAMPLES],
        "page": page,
        "pages": pages,
        "before": _link(q=text, like=like, p=page - 1) if page > 1 else "",
        "next": _link(q=text, like=like, p=page + 1) if page < pages else "",
        "facets": search_facets.of(request.user, text) if text.strip() and not like else None,
    }
    return TemplateResponse(request, "console/find_posts.html", context)


def _answer(request: HttpRequest, text: str, like: str, *, offset: int) -> Answer:
    if not like:
        found = search(request.user, text, limit=PER_PAGE, offset=offset)
        return Answer(found, [*remarks(found)])
    try:
        alike = similar(request.user, like, limit=PER_PAGE, offset=offset)
    except UnknownPost as error:
        return Answer(Hits(), [str(error)])
    return Answer(alike.hits, [*remarks(alike.hits)], alike.post)


def _link(**parameters: Any) -> str:
    """The address of this page with those of the parameters that say something."""
    return "?" + urlencode({name: value for name, value in parameters.items() if value})


def _page(text: str) -> int:
    """The number of a page; 1 for what is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 1  # noqa: PLR2004
    return min(max(number, 1), LAST_PAGE)
