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

from accounts.admin.preferences import PreferencesForm
from accounts.models import User

NAME = "my_settings"
"""The page needs no permission: it can change nothing but the user who is signed in."""


def view(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    if request.method == "POST":
        return _save(request, site=site)
    form = PreferencesForm(instance=get_object_or_404(User, pk=request.user.pk))
    return _page(request, form, site=site)


def _save(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    with transaction.atomic():  # with its entry in the audit
        # Locked, so that of two tabs saved at once the second sees what the first one changed.
        user = get_object_or_404(User.objects.select_for_update(no_key=True), pk=request.user.pk)
        form = PreferencesForm(request.POST, instance=user)
        if not form.is_valid():
            return _page(request, form, site=site)
        saved = form.save()
    # In the language that was chosen just now, in which the next page comes.
    with translation.override(saved.language or translation.get_language()):
        messages.success(request, str(_("Your settings are saved.")))
    return HttpResponseRedirect(reverse(NAME))


def _page(request: HttpRequest, form: PreferencesForm, *, site: AdminSite) -> HttpResponse:
    context = {
        **site.each_context(request),
        "title": _("My settings"),
        "form": form,
        "identity_providers": bool(settings.SOCIALACCOUNT_PROVIDERS),
    }
    return TemplateResponse(request, "console/my_settings.html", context)
