"""The console's page on which everybody in it searches the posts that he may see."""

from dataclasses import dataclass

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from search.fragments import Fragment
from search.fusion import WINDOW
from search.query.problems import explain
from search.services.find import Hits, search
from search.services.found_in_files import place
from search.services.shown import Shown, shown, why
from telegram_assistant.console import search_facets

NAME = "find_posts"
PER_PAGE = 10
LAST_PAGE = 2 * WINDOW // PER_PAGE


@dataclass(frozen=True, slots=True)
class Line:
    """A hit on the page."""

    shown: Shown
    text: SafeString
    why: str
    place: str = ""
    """In which file and on which page the text stands; empty where it is the post's."""


def view(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    text, page = request.GET.get("q", ""), _page(request.GET.get("p", ""))
    found = search(request.user, text, limit=PER_PAGE, offset=(page - 1) * PER_PAGE)
    context = {
        **site.each_context(request),
        "title": _("Search posts"),
        "text": text,
        "found": found,
        "lines": [_line(one) for one in shown(found)],
        "remarks": _remarks(found),
        "facets": search_facets.of(request.user, text) if text.strip() else None,
        "before": page - 1,
        "next": page + 1 if found.found > page * PER_PAGE else 0,
    }
    return TemplateResponse(request, "console/find_posts.html", context)


def _line(one: Shown) -> Line:
    where = place(one.file) if one.file else ""
    return Line(one, marked(one.fragment), why(one.hit), where)


def _page(text: str) -> int:
    """The number of a page; 1 for what is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 1  # noqa: PLR2004
    return min(max(number, 1), LAST_PAGE)


def marked(fragment: Fragment) -> SafeString:
    """The fragment as HTML, its matching words in <mark>."""
    parts, last = [], 0
    for start, end in fragment.spans:
        parts.append((fragment.text[last:start], fragment.text[start:end]))
        last = end
    html = format_html_join("", "{}<mark>{}</mark>", parts)
    return format_html("{}{}", html, fragment.text[last:])


def _remarks(found: Hits) -> list[str]:
    """What was not understood, not applied, did not work, or was looked for instead."""
    explained = [explain(problem, translate=gettext) for problem in found.problems]
    return [
        *(f"{one.message} {one.remedy}" for one in explained),
        *found.degraded,
        *(
            gettext("%(word)s: also looked for %(others)s")
            % {"word": word, "others": ", ".join(others)}
            for word, others in found.replaced.items()
        ),
    ]
