"""Pages of signing in that django-allauth does not have, or has otherwise."""

from collections.abc import Iterable

from allauth.account import views as allauth_views
from allauth.account.utils import url_str_to_user_pk
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from accounts.models import BrowserSession, User
from accounts.sign_in import invitations, sessions


def password_reset(request: HttpRequest) -> HttpResponseBase:
    """Offer a link by e-mail if a mail server is configured; otherwise say who can help."""
    if settings.EMAIL.configured:
        answer: HttpResponseBase = allauth_views.password_reset(request)
        return answer
    return render(request, "account/password_reset_help.html")


@never_cache
@transaction.atomic
def password_reset_from_key(request: HttpRequest, uidb36: str, key: str) -> HttpResponseBase:
    """
    Set a password by a link; not by that of an invitation whose membership is gone.

    Of two who send the form at once the second waits, and finds the link used up.
    """
    users = User.objects.all()
    if request.method == "POST":
        users = users.select_for_update(no_key=True)
    try:
        user = users.filter(pk=url_str_to_user_pk(uidb36)).first()
    except (ValueError, OverflowError, ValidationError):
        user = None  # django-allauth says that the link is no good
    if user is not None and invitations.has_ended(user):
        return render(request, "account/invitation_ended.html", status=403)
    answer: HttpResponseBase = allauth_views.password_reset_from_key(
        request, uidb36=uidb36, key=key
    )
    return answer


@login_required
def no_password(request: HttpRequest) -> HttpResponse:
    """Tell somebody who signs in with an identity provider why there is no password to change."""
    return render(request, "account/no_password.html")


@never_cache
@login_required
def my_sessions(request: HttpRequest) -> HttpResponse:
    """List the own sessions; POST ends one (`session`) or all others (`others`)."""
    own = sessions.of(request.user)
    if request.method == "POST":
        current = request.session.session_key
        others = own.exclude(session_key=current)
        for session in _chosen(request, others):
            sessions.end(request, session)
        messages.success(request, _("The sessions have ended."))
        return HttpResponseRedirect(reverse("usersessions_list"))
    return render(request, "usersessions/sessions.html", {"sessions": own})


def _chosen(request: HttpRequest, others: QuerySet[BrowserSession]) -> Iterable[BrowserSession]:
    """The one that is named, or all where none is; 404 for what names none."""
    if "session" not in request.POST:
        return others
    text = request.POST["session"]
    is_id = text.isdecimal() and len(text) < 19  # noqa: PLR2004 - fits a bigint
    return [get_object_or_404(others, pk=int(text) if is_id else 0)]


def no_access(request: HttpRequest) -> HttpResponse:
    """Tell somebody who has signed in that the account may see nothing yet, and what to do."""
    return render(request, "account/no_access.html", status=403)
