"""The console's pages of tenants and memberships."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from accounts import tenant_settings
from accounts.models import Membership, Tenant
from events.console import BigTableAdmin


class MembershipInline(admin.TabularInline[Membership, Tenant]):
    """The users who may view this tenant through the API, apart from the operators."""

    model = Membership
    autocomplete_fields = ("user",)
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        # Each row is headed by its membership, whose text names the user.
        return super().get_queryset(request).select_related("user", "tenant")


class TenantForm(forms.ModelForm[Tenant]):
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

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        return False  # its posts, its ledger and its objects can only be deleted together


@admin.register(Membership)
class MembershipAdmin(BigTableAdmin[Membership]):
    list_display = ("user", "tenant", "created_at")
    list_select_related = ("user", "tenant")
    list_filter = ("tenant",)
    search_fields = ("user__username", "tenant__name")
    autocomplete_fields = ("user", "tenant")
    ordering = ("user__username", "tenant__name")
