"""The console's page on which administrators of a tenant invite people to it."""

import logging
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables

from accounts.access import Action, may_anywhere, tenants_of
from accounts.models import Role, Tenant, User
from accounts.sign_in import invitations
from events.outbound import OutboundRefused

logger = logging.getLogger(__name__)
NAME: Final = "invite"


class InvitationForm(forms.Form):
    """Whom to invite; only tenants that the reader administers are offered."""

    username = forms.CharField(
        label=_("username"), max_length=150, validators=[User.username_validator]
    )
    email = forms.EmailField(
        label=_("email address"),
        required=False,
        help_text=_("The link is sent there, if this installation sends mail."),
    )
    tenant = forms.ModelChoiceField[Tenant](label=_("tenant"), queryset=Tenant.objects.none())
    role = forms.ChoiceField(label=_("role"), choices=Role.choices)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = tenants_of(user, Action.ADMINISTER).order_by("name")
        self.fields["tenant"].queryset = offered  # type: ignore[attr-defined]

    def wish(self) -> invitations.Wish:
        data = self.cleaned_data
        return invitations.Wish(data["username"], data["tenant"], Role(data["role"]), data["email"])


@never_cache
@sensitive_variables("link")
def view(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    user = get_object_or_404(User, pk=request.user.pk)
    if not may_anywhere(request.user, Action.ADMINISTER):
        raise PermissionDenied
    form = InvitationForm(user, request.POST or None)
    if not form.is_valid():
        return _page(request, site, form=form)
    try:
        invited = invitations.invite(form.wish(), by=user)
    except invitations.NotInvited as refusal:
        form.add_error("username", str(refusal))
        return _page(request, site, form=form)
    link = invitations.link_for(request, invited)
    if invited.email and settings.EMAIL.configured and _is_sent(invited, link):
        text = _("The link is on its way to %(address)s.") % {"address": invited.email}
        messages.success(request, text)
        return HttpResponseRedirect(reverse(NAME))
    # In the answer itself: elsewhere it would have to wait in a message or a session.
    return _page(request, site, form=InvitationForm(user), invited=invited, link=link)


@sensitive_variables("link")
def _is_sent(invited: User, link: str) -> bool:
    try:
        invitations.mail(invited, link)
    except (OSError, OutboundRefused) as error:  # those of smtplib are OSErrors, too
        logger.warning("the invitation of %s is not sent: %s", invited, type(error).__name__)
        return False
    return True


@sensitive_variables("shown", "context")
def _page(
    request: HttpRequest, site: AdminSite, *, form: InvitationForm, **shown: Any
) -> HttpResponse:
    context = {
        **site.each_context(request),
        "title": _("Invite"),
        "form": form,
        "minutes": invitations.lifetime_minutes(),
        **shown,
    }
    return TemplateResponse(request, "console/invite.html", context)
