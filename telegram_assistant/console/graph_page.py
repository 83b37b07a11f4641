"""The console's page of the graph: how a post spread, what channels share, what connects two posts."""

from typing import Any, Final
from uuid import UUID

from django.contrib.admin import AdminSite
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from accounts.access import tenants_of, visible
from graph.errors import GraphOff, GraphUnavailable
from graph.queries.channels import Pair, shared_content
from graph.queries.shown import path_as_dict, spread_as_dict
from graph.queries.spread import spread
from media.models import Post

NAME = "graph"
MOST_PAIRS: Final = 50
MOST_DRAWN: Final = 200
WAYS: Final = {
    "forward": _("a forward"),
    "same_picture": _("same picture"),
    "near_picture": _("similar picture"),
    "same_text": _("same text"),
    "same_link": _("same link"),
}


def view(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    asked = {name: request.GET.get(name, "").strip() for name in ("post", "first", "second")}
    context = {**site.each_context(request), "title": _("Graph"), "asked": asked, "problem": ""}
    try:
        context |= _answer(request, asked)
    except (GraphOff, GraphUnavailable) as error:
        context["problem"] = str(error)
    return TemplateResponse(request, "console/graph.html", context)


def _answer(request: HttpRequest, asked: dict[str, str]) -> dict[str, Any]:
    if asked["post"]:
        return _spread(request, asked["post"])
    if asked["first"] or asked["second"]:
        return _path(request, asked)
    return _channels(request)


def _spread(request: HttpRequest, text: str) -> dict[str, Any]:
    post = _find(request, text)
    if post is None:
        return {"problem": _unknown(text)}
    found = spread_as_dict(spread(post))
    for one in found["posts"]:
        one["moment"] = parse_datetime(one["posted_at"]) if one["posted_at"] else None
        one["in_words"] = [str(WAYS[way]) for way in one["ways"]]
        one["after"] = _duration(one["after_seconds"])
        one["asked"] = one["key"] == str(post)
        one["href"] = (
            reverse("admin:media_post_change", args=[one["key"]]) if one["archived"] else ""
        )
    return {"spread": found, "elements": _drawn_spread(found)}


def _path(request: HttpRequest, asked: dict[str, str]) -> dict[str, Any]:
    ends = [_find(request, asked[name]) for name in ("first", "second")]
    first, second = ends
    if first is None or second is None:
        unknown = asked["first"] if first is None else asked["second"]
        return {"problem": _unknown(unknown)}
    return {"path": path_as_dict(first, second)}


def _channels(request: HttpRequest) -> dict[str, Any]:
    tenants = list(tenants_of(request.user).values_list("pk", flat=True))
    pairs = shared_content(tenants, limit=MOST_PAIRS)
    rows = [
        {"pair": one, "first": _name(one, one.first), "second": _name(one, one.second)}
        for one in pairs
    ]
    return {"pairs": rows, "has_pairs": True, "elements": _drawn_channels(pairs)}


def _find(request: HttpRequest, text: str) -> UUID | None:
    """The post of this id, or with this link in Telegram, that the user may see."""
    try:
        named = Q(pk=UUID(text))
    except ValueError:
        named = Q(telegram_post_url=text) & ~Q(telegram_post_url="")
    found = visible(Post.objects.all(), request.user).filter(named)
    return found.values_list("pk", flat=True).first()


def _unknown(text: str) -> str:
    return gettext("There is no post %(text)s: its id or its link in Telegram is asked for.") % {
        "text": text
    }


def _drawn_spread(found: dict[str, Any]) -> list[dict[str, Any]]:
    posts = found["posts"][:MOST_DRAWN]
    drawn = {one["key"] for one in posts}
    nodes = [
        {
            "data": {
                "id": one["key"], "name": one["channel"] or "?", "asked": one["asked"],
                "away": not one["archived"], "href": one["href"], "order": order,
                "deleted": bool(one["deleted_at"]),
            }
        }
        for order, one in enumerate(posts)
    ]  # fmt: skip
    edges = [
        _edge(
            one["source"],
            one["target"],
            ", ".join(str(WAYS[way]) for way in one["ways"]),
            arrow=True,
        )
        for one in found["hops"]
        if one["source"] in drawn and one["target"] in drawn
    ]
    return nodes + edges


def _drawn_channels(pairs: list[Pair]) -> list[dict[str, Any]]:
    names = {key: _name(one, key) for one in pairs for key in (one.first, one.second)}
    nodes = [{"data": {"id": key, "name": name}} for key, name in names.items()]
    edges = [
        _edge(one.first, one.second, str(one.shared), width=min(1 + one.shared / 5, 8))
        for one in pairs
    ]
    return nodes + edges


def _edge(
    source: str, target: str, name: str, *, arrow: bool = False, width: float = 1.5
) -> dict[str, Any]:
    ends = {"source": source, "target": target}
    return {
        "data": {"id": f"{source} {target}", **ends, "name": name, "arrow": arrow, "width": width}
    }


def _name(pair: Pair, key: str) -> str:
    return pair.names.get(key) or gettext("channel without a name")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    if minutes < 120:  # noqa: PLR2004 - two hours
        return pgettext("time since the first", "+%d min") % minutes
    return pgettext("time since the first", "+%d h") % round(seconds / 3600)
