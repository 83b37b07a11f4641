"""The console's page of a user."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.access import Action, visible
from accounts.models import Membership, User
from accounts.preferences import FIELDS, offer_choices
from accounts.sign_in import second_factor
from events.console import ReadOnlyInline


class MembershipsOfUser(ReadOnlyInline[Membership, User]):
    """The tenants of a user, of which only those are listed that the reader administers."""

    model = Membership
    fields = readonly_fields = ("tenant", "role")
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        rows = super().get_queryset(request).select_related("tenant", "user")
        return visible(rows, request.user, Action.ADMINISTER)


class AccountForm(UserChangeForm[User]):
    """The form of a user, with a list of time zones instead of a text field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_choices(self.fields, current_zone=self.instance.time_zone)


@admin.register(User)
class AccountAdmin(UserAdmin[User]):
    """Django's page of a user, with preferences and roles instead of groups and permissions."""

    form = AccountForm

    list_display = ("username", "email", "first_name", "last_name", "is_active", "is_superuser")
    list_filter = ("is_superuser", "is_active")
    filter_horizontal = ()
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (_("Access"), {"fields": ("is_active", "is_superuser")}),
        (_("Preferences"), {"fields": FIELDS}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    inlines = (MembershipsOfUser,)
    actions = ("remove_second_factors",)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return super().get_inlines(request, obj) if obj else ()

    @admin.action(
        description=_("Remove the second factor of those who have lost it"),
        permissions=["remove_second_factors"],
    )
    def remove_second_factors(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        removed = sum(second_factor.remove_all_of(request, user) for user in chosen)
        text = ngettext("%d factor removed.", "%d factors removed.", removed) % removed
        messages.success(request, text)

    def has_remove_second_factors_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)
