"""The console's page of a user."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.access import Action, visible
from accounts.admin.meanwhile import MindsOthers
from accounts.admin.preferences import FIELDS, offer_choices
from accounts.models import ApiToken, Membership, User
from accounts.sign_in import second_factor, sessions
from events.console import ReadOnlyInline


class MembershipsOfUser(ReadOnlyInline[Membership, User]):
    """The tenants of a user, of which only those are listed that the reader administers."""

    model = Membership
    fields = readonly_fields = ("tenant", "role")
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        rows = super().get_queryset(request).select_related("tenant", "user")
        return visible(rows, request.user, Action.ADMINISTER)


class AccountForm(MindsOthers[User], UserChangeForm[User]):
    """The form of a user, with a list of time zones instead of a text field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_choices(self.fields, current_zone=self.instance.time_zone)


admin.site.unregister(Group)  # no permission comes of one, see accounts.permissions.backend

SHOWN_TO_ADMINISTRATORS = ("username", "first_name", "last_name", "is_active")


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

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """
        Show all to superusers, and to administrators of a tenant who its members are.

        They can make anybody a member, which must not tell them an address, nor a part of a hash.
        """
        if obj is None or request.user.is_superuser:
            return super().get_fieldsets(request, obj)
        return [(None, {"fields": SHOWN_TO_ADMINISTRATORS})]

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.list_display if request.user.is_superuser else SHOWN_TO_ADMINISTRATORS

    def get_search_fields(self, request: HttpRequest) -> Any:
        return super().get_search_fields(request) if request.user.is_superuser else ("username",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse administrators of a tenant to count by what they are not shown, or by other rows."""
        column = lookup.split(LOOKUP_SEP, maxsplit=1)[0]
        open_ones = {"id", "is_superuser", *SHOWN_TO_ADMINISTRATORS}
        may_ask = request is None or request.user.is_superuser or column in open_ones
        return may_ask and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Tokens are revoked and not deleted, but with their user they go."""
        rows, counts, refused, protected = super().get_deleted_objects(objs, request)
        return rows, counts, refused - {ApiToken._meta.verbose_name}, protected  # noqa: SLF001

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - Django's name
        form_url: str = "",
    ) -> HttpResponse:
        """Answer 404 about accounts of which the reader may not know, before 403 about others."""
        if self.get_object(request, unquote(id)) is None:
            raise Http404(_("There is no such row."))
        return super().user_change_password(request, id, form_url)

    def save_model(self, request: HttpRequest, obj: User, *rest: Any) -> None:
        """Save; closing an account ends its sessions, which would else live on when it is opened."""
        super().save_model(request, obj, *rest)
        if not obj.is_active:
            sessions.end_all_of(obj)

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
