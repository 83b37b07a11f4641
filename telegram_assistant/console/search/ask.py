"""The console's page on which questions are answered out of the posts that one may see."""

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import Throttled

from accounts import time_zones
from accounts.access import Action, may, tenants_of
from accounts.rate_limits.requests import count_question
from search.ask.answer import Answer
from search.ask.once import ask_once
from search.ask.words import outcome
from search.query.parse import MOST_CHARS

NAME = "ask"


def view(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Answer a question that is posted: it may cost tokens, so an address alone asks nothing."""
    question = request.POST.get("question", "").strip()[:MOST_CHARS]
    answer = _answer(request, question) if question else None
    context = {
        **site.each_context(request),
        "title": _("Ask the archive"),
        "question": question or request.GET.get("q", "")[:MOST_CHARS],
        "most": MOST_CHARS,
        "answer": answer,
        "outcome": outcome(answer) if answer else "",
    }
    return TemplateResponse(request, "console/ask.html", context)


def _answer(request: HttpRequest, question: str) -> Answer | None:
    user = request.user
    try:
        count_question(user.pk)
    except Throttled as refusal:
        seconds = round(getattr(refusal, "wait", None) or 1)
        text = _("Too many questions; ask again in %(seconds)s s.")
        messages.error(request, text % {"seconds": seconds})
        return None
    return ask_once(
        user.pk,
        question,
        tuple(tenants_of(user).values_list("pk", flat=True)),
        may_spend=lambda tenant: may(user, Action.OPERATE, tenant),
        zone=time_zones.find(getattr(user, "time_zone", "")),
    )
