"""The console's pages of tenants and memberships."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from accounts import tenant_settings
from accounts.access import Action, tenants_of
from accounts.admin.json_text import JSONText
from accounts.admin.meanwhile import MindsOthers
from accounts.models import Membership, Tenant, User
from events.console import BigTableAdmin


class MembershipInline(admin.TabularInline[Membership, Tenant]):
    """The users who have a role in this tenant."""

    model = Membership
    form: Any = MindsOthers
    autocomplete_fields = ("user",)
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        # Each row is headed by its membership, whose text names the user.
        return super().get_queryset(request).select_related("user", "tenant")


class TenantForm(MindsOthers[Tenant]):
    class Meta:
        field_classes: ClassVar = {"settings": JSONText}

    def clean_settings(self) -> Any:
        value = self.cleaned_data["settings"] or {}
        if problems := tenant_settings.problems(value):
            raise ValidationError(problems)
        return value


@admin.register(Tenant)
class TenantAdmin(BigTableAdmin[Tenant]):
    form = TenantForm
    list_display = ("name", "limit", "created_at")
    search_fields = ("name",)
    ordering = ("name",)  # also of the lookups on other pages, which come in pages
    readonly_fields = ("id", "created_at")
    fields = ("id", "name", "limit_bytes", "settings", "created_at")
    inlines = (MembershipInline,)

    @admin.display(description=_("own limit"), ordering="limit_bytes")
    def limit(self, tenant: Tenant) -> str:
        return "—" if tenant.limit_bytes is None else filesizeformat(tenant.limit_bytes)

    def get_inlines(self, request: HttpRequest, obj: Tenant | None) -> Any:
        """Administrators of a tenant use the list of memberships, which shows theirs only."""
        return super().get_inlines(request, obj) if _knows_all(request) else ()

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        return False  # its posts, its ledger and its objects can only be deleted together


@admin.register(Membership)
class MembershipAdmin(BigTableAdmin[Membership]):
    form: Any = MindsOthers
    list_display = ("user", "tenant", "role", "created_at")
    list_select_related = ("user", "tenant")
    list_filter = ("role", "tenant")
    search_fields = ("user__username", "tenant__name")
    autocomplete_fields = ("user", "tenant")
    ordering = ("user__username", "tenant__name")

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> Any:
        """Members are chosen once; afterwards only the role changes."""
        return ("user", "tenant") if obj else ()

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        return super().get_autocomplete_fields(request) if _knows_all(request) else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Take the exact name of a user whom the administrator of a tenant may not look up."""
        if db_field.name == "user" and not _knows_all(request):
            return NamedUserField(label=db_field.verbose_name)
        if db_field.name == "tenant":
            kwargs["queryset"] = tenants_of(request.user, Action.ADMINISTER)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class NamedUserField(forms.ModelChoiceField[User]):
    """A user by the exact name. Superusers belong to no tenant and are not found."""

    widget = forms.TextInput

    def __init__(self, **kwargs: Any) -> None:
        users = User.objects.filter(is_active=True, is_superuser=False)
        super().__init__(users, to_field_name="username", **kwargs)
        self.error_messages["invalid_choice"] = _(
            "There is no active account of this name. Accounts are added by a superuser."
        )


def _knows_all(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))
