"""The console's page of a user."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.preferences import FIELDS, offer_choices


class AccountForm(UserChangeForm[User]):
    """The form of a user, with a list of time zones instead of a text field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_choices(self.fields, current_zone=self.instance.time_zone)


@admin.register(User)
class AccountAdmin(UserAdmin[User]):
    """Django's page of a user, with the preferences that this product adds."""

    form = AccountForm

    fieldsets = (
        *(UserAdmin.fieldsets or ()),
        (_("Preferences"), {"fields": FIELDS}),
    )
