"""The console's page on which everybody in it changes the own preferences."""

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.preferences import PreferencesForm

NAME = "my_settings"
"""The page needs no permission: it can change nothing but the user who is signed in."""


def view(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    user = get_object_or_404(User, pk=request.user.pk)
    form = PreferencesForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():  # with its entry in the audit
            saved = form.save()
        # In the language that was chosen just now, in which the next page comes.
        with translation.override(saved.language or translation.get_language()):
            messages.success(request, str(_("Your settings are saved.")))
        return HttpResponseRedirect(reverse(NAME))
    context = {
        **site.each_context(request),
        "title": _("My settings"),
        "form": form,
        "identity_providers": bool(settings.SOCIALACCOUNT_PROVIDERS),
    }
    return TemplateResponse(request, "console/my_settings.html", context)
