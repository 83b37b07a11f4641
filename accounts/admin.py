"""Tenants, who may see them, and who signs in, in the console."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from accounts import tenant_settings
from accounts.models import Membership, Tenant, User
from events.console import BigTableAdmin


@admin.register(User)
class AccountAdmin(UserAdmin[User]):
    """Django's own page, with what this product knows of a person."""

    fieldsets = (
        *(UserAdmin.fieldsets or ()),
        (_("Preferences"), {"fields": ("language", "time_zone", "notification_address")}),
    )


class MembershipInline(admin.TabularInline[Membership, Tenant]):
    """Who sees this tenant through the API, apart from the operators."""

    model = Membership
    autocomplete_fields = ("user",)
    extra = 0


class TenantForm(forms.ModelForm[Tenant]):
    def clean_settings(self) -> Any:
        value = self.cleaned_data["settings"] or {}
        if complaints := tenant_settings.complaints(value):
            raise ValidationError(complaints)
        return value


@admin.register(Tenant)
class TenantAdmin(BigTableAdmin[Tenant]):
    form = TenantForm
    list_display = ("name", "limit", "created_at")
    search_fields = ("name",)
    readonly_fields = ("id", "created_at")
    fields = ("id", "name", "limit_bytes", "settings", "created_at")
    inlines = (MembershipInline,)

    @admin.display(description=_("own limit"), ordering="limit_bytes")
    def limit(self, tenant: Tenant) -> str:
        return "—" if tenant.limit_bytes is None else filesizeformat(tenant.limit_bytes)

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        return False  # keys, posts and books of a tenant go together or not at all


@admin.register(Membership)
class MembershipAdmin(BigTableAdmin[Membership]):
    list_display = ("user", "tenant", "created_at")
    list_select_related = ("user", "tenant")
    list_filter = ("tenant",)
    search_fields = ("user__username", "tenant__name")
    autocomplete_fields = ("user", "tenant")
    ordering = ("user__username", "tenant__name")
