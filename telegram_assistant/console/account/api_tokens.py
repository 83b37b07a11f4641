"""The console's page on which everybody in it makes and revokes the own tokens of the API."""

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables

from accounts.access import tenants_of
from accounts.models import ApiToken, Scope, Tenant, User
from accounts.models.api_token import NAME_MAX_LENGTH
from accounts.tokens.issue import TokenNotIssued, Wish, issue
from accounts.tokens.revoke import revoke

NAME = "api_tokens"
"""The page needs no permission: it shows and changes only tokens of the user who is signed in."""


class TokenForm(forms.Form):
    """
    A token to make.

    `token_id` is chosen when the empty form is shown. So the form makes one token, however often
    it is sent: reloading the page that shows a token does not make another one.
    """

    token_id = forms.UUIDField(widget=forms.HiddenInput)
    name = forms.CharField(
        label=_("name"),
        max_length=NAME_MAX_LENGTH,
        help_text=_("What it is for, such as a program."),
    )
    scope = forms.ChoiceField(label=_("scope"), choices=Scope.choices)
    tenant = forms.ModelChoiceField[Tenant](
        label=_("tenant"),
        queryset=Tenant.objects.none(),
        required=False,
        empty_label=_("all of mine"),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["tenant"].queryset = tenants_of(user).order_by("name")  # type: ignore[attr-defined]
        self.fields["days"] = _days(user)

    def wish(self) -> Wish:
        days = self.cleaned_data["days"]
        return Wish(
            user=self.user,
            name=self.cleaned_data["name"],
            scope=Scope(self.cleaned_data["scope"]),
            tenant=self.cleaned_data["tenant"],
            lifetime=timedelta(days=days) if days else None,
        )


@never_cache
def view(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    user = get_object_or_404(User, pk=request.user.pk)
    if request.method == "POST" and "revoke" in request.POST:
        return _revoke(request, user)
    if request.method == "POST":
        return _make(request, user, site)
    return _page(request, user, site, form=_empty_form(user))


@sensitive_variables("secret")
def _make(request: HttpRequest, user: User, site: AdminSite) -> HttpResponse:
    """
    Make a token and show it in the answer itself.

    It is not redirected to a page of its own: the token would have to wait somewhere until that
    page is asked for, in a message, a session or a cache.
    """
    form = TokenForm(user, request.POST)
    if not form.is_valid():
        return _page(request, user, site, form=form)
    try:
        with transaction.atomic():
            token, secret = issue(
                form.wish(),
                now=timezone.now(),
                may_be_endless=user.is_superuser,
                pk=form.cleaned_data["token_id"],
            )
    except TokenNotIssued as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        return _page(request, user, site, form=form)
    except IntegrityError:
        if not ApiToken.objects.filter(pk=form.cleaned_data["token_id"]).exists():
            raise
        text = _("This form was sent before: the token was made and shown then, and only then.")
        messages.warning(request, text)
        return HttpResponseRedirect(reverse(NAME))
    return _page(request, user, site, form=_empty_form(user), made=token, secret=secret)


def _revoke(request: HttpRequest, user: User) -> HttpResponse:
    try:
        pk = uuid.UUID(request.POST["revoke"])
    except ValueError:
        pk = uuid.UUID(int=0)  # nobody's
    token = get_object_or_404(ApiToken.objects.select_related("user", "tenant"), pk=pk, user=user)
    revoke(token, now=timezone.now())
    messages.success(request, _("The token %(token)s is revoked.") % {"token": token})
    return HttpResponseRedirect(reverse(NAME))


@sensitive_variables("shown", "context")
def _page(
    request: HttpRequest, user: User, site: AdminSite, *, form: TokenForm, **shown: Any
) -> HttpResponse:
    now = timezone.now()
    tokens = user.api_tokens.select_related("tenant").order_by("-created")
    context = {
        **site.each_context(request),
        "title": _("My tokens"),
        "form": form,
        "tokens": [(token, token.state(now)) for token in tokens],
        "mine": set(tenants_of(user).values_list("pk", flat=True)),
        **shown,
    }
    return TemplateResponse(request, "console/api_tokens.html", context)


def _empty_form(user: User) -> TokenForm:
    days = settings.API_TOKEN_LIFETIME.days
    return TokenForm(user, initial={"token_id": uuid.uuid4(), "days": days})


def _days(user: User) -> forms.Field:
    most = settings.API_TOKEN_MAX_LIFETIME.days
    text = _("%(days)s at most.")
    if user.is_superuser:
        text = _("%(days)s at most; if empty, the token never expires.")
    return forms.IntegerField(
        label=_("valid for days"),
        help_text=text % {"days": most},
        min_value=1,
        max_value=most,
        required=not user.is_superuser,
    )
