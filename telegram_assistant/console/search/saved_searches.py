"""The console's pages of the own saved searches, and of what one of them has matched."""

import re
import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from search.models import SavedSearch
from search.saved import keep
from search.saved.keep import SavedSearchRefused
from search.saved.matches import mark_seen, matches_of, saved_searches

NAME, MATCHES = "saved_searches", "saved_matches"
"""The pages need no permission: they show and change only searches of the user who is signed in."""
PER_PAGE = 50


def view(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    user = get_object_or_404(User, pk=request.user.pk)
    if request.method == "POST":
        return _done(request, user, _ACTIONS.get(request.POST.get("do", ""), _save))
    context = {
        **site.each_context(request),
        "title": _("Saved searches"),
        "searches": saved_searches(user),
        "text": request.GET.get("q", ""),
    }
    return TemplateResponse(request, "console/saved_searches.html", context)


def matches(request: HttpRequest, pk: uuid.UUID, *, site: AdminSite) -> HttpResponse:
    user = get_object_or_404(User, pk=request.user.pk)
    kept = get_object_or_404(saved_searches(user), pk=pk)
    if request.method == "POST":
        mark_seen(kept, user, now=timezone.now(), up_to=_number(request.POST.get("up_to", "")))
        return HttpResponseRedirect(reverse(MATCHES, args=[pk]))
    pages = Paginator(matches_of(kept, user), PER_PAGE)
    context = {
        **site.each_context(request),
        "title": kept.name,
        "kept": kept,
        "page": pages.get_page(request.GET.get("p")),
        "newest": matches_of(kept, user).values_list("pk", flat=True).first(),
    }
    return TemplateResponse(request, "console/saved_matches.html", context)


def _number(text: str) -> int:
    """The id of a match; 0, which none has, for whatever is no id."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text, re.ASCII) else 0


def _done(
    request: HttpRequest, user: User, action: Callable[[HttpRequest, User], Any]
) -> HttpResponse:
    try:
        messages.success(request, str(action(request, user)))
    except SavedSearchRefused as refusal:
        messages.error(request, str(refusal))
    return HttpResponseRedirect(reverse(NAME))


def _save(request: HttpRequest, user: User) -> Any:
    text, name = request.POST.get("q", ""), request.POST.get("name", "")
    keep.save(user, text, name=name, now=timezone.now())
    return _("The search is saved. Posts that match from now on are listed here.")


def _pause(request: HttpRequest, user: User) -> Any:
    keep.change(_own(request, user), is_paused=True, now=timezone.now())
    return _("The search is paused.")


def _resume(request: HttpRequest, user: User) -> Any:
    keep.change(_own(request, user), is_paused=False, now=timezone.now())
    return _("The search goes on with the posts that come from now on.")


def _delete(request: HttpRequest, user: User) -> Any:
    keep.forget(_own(request, user))
    return _("The search is deleted.")


def _own(request: HttpRequest, user: User) -> SavedSearch:
    try:
        pk = uuid.UUID(request.POST.get("id", ""))
    except ValueError as error:
        raise Http404 from error
    return get_object_or_404(saved_searches(user), pk=pk)


_ACTIONS = {"pause": _pause, "resume": _resume, "delete": _delete}
