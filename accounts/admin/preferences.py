"""What users choose for themselves: language, time zone, notification address."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from accounts import time_zones
from accounts.admin.meanwhile import MindsOthers
from accounts.models import User

FIELDS = ("language", "time_zone", "notification_address")


def offer_choices(fields: dict[str, forms.Field], *, current_zone: str) -> None:
    """Replace the fields that are there by lists of what may be chosen."""
    offers: Mapping[str, tuple[StrPromise, Sequence[Any]]] = {
        "language": (_("as in the browser"), settings.LANGUAGES),
        "time_zone": (_("as on the server"), time_zones.choices(current=current_zone)),
    }
    for name, (empty, choices) in offers.items():
        # A field that the user may only view is not in the form.
        if old := fields.get(name):
            fields[name] = forms.ChoiceField(
                label=old.label,
                help_text=old.help_text,
                required=False,
                show_hidden_initial=old.show_hidden_initial,
                choices=[("", empty), *choices],
            )


class PreferencesForm(MindsOthers[User]):
    """The form in which users change their own preferences, and nothing else."""

    class Meta:
        model = User
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_choices(self.fields, current_zone=self.instance.time_zone)
