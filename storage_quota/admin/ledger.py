"""Console pages of the ledger; read-only, since only the application changes it."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from events.console import ReadOnlyAdmin
from storage_quota.admin import cleanup
from storage_quota.models import BucketState, Reservation, StoredObject, TenantUsage
from storage_quota.object_store import warnings


@admin.register(TenantUsage)
class TenantUsageAdmin(ReadOnlyAdmin[TenantUsage]):
    list_select_related = ("tenant",)
    list_display = ("tenant", "content_type", "size", "objects_count", "last_updated")
    list_filter = ("content_type", "tenant")
    ordering = ("tenant__name", "content_type")

    def heading(self, usage: TenantUsage) -> str:
        return f"{usage.tenant}: {usage}"

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(partial(cleanup.view, site=self.admin_site))
        return [path("cleanup/", page, name=cleanup.NAME), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        more = {"may_clean_up": cleanup.may_clean_up(request)}
        return super().changelist_view(request, more | (extra_context or {}))

    @admin.display(description=_("size"), ordering="total_bytes")
    def size(self, usage: TenantUsage) -> str:
        return filesizeformat(usage.total_bytes)


@admin.register(BucketState)
class BucketStateAdmin(ReadOnlyAdmin[BucketState]):
    """What the last survey found; the dashboard and `diag_s3 server` say what to do about it."""

    list_display = ("place", "versioning", "old_size", "upload_size", "missing", "surveyed_at")
    fields = (
        "place",
        "surveyed_at",
        "missing",
        "versioning",
        "expires_old",
        "old_count",
        "old_size",
        "uploads_count",
        "upload_size",
    )

    def heading(self, state: BucketState) -> str:
        return state.place

    @admin.display(description=_("old versions hold"), ordering="old_bytes")
    def old_size(self, state: BucketState) -> str:
        return filesizeformat(state.old_bytes)

    @admin.display(description=_("unfinished uploads hold"), ordering="upload_bytes")
    def upload_size(self, state: BucketState) -> str:
        return filesizeformat(state.upload_bytes)

    @admin.display(description=_("operations it lacks"), ordering="lacks")
    def missing(self, state: BucketState) -> str:
        return warnings.lacking(state) or "—"


@admin.register(StoredObject)
class StoredObjectAdmin(ReadOnlyAdmin[StoredObject]):
    list_select_related = ("tenant",)
    list_display = ("key", "tenant", "content_type", "mime", "size", "created_at", "damaged_at")
    list_filter = (
        "content_type",
        "tenant",
        "created_at",
        ("damaged_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("key__contains",)
    search_help_text = _("A part of the key, such as a SHA-256")
    ordering = ("-created_at", "key")

    def heading(self, stored: StoredObject) -> str:
        return file_name(stored.key)

    @admin.display(description=_("size"), ordering="size_bytes")
    def size(self, stored: StoredObject) -> str:
        return filesizeformat(stored.size_bytes)


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin[Reservation]):
    when_empty = _("Nothing is being stored just now.")
    list_select_related = ("tenant",)
    list_display = ("key", "tenant", "content_type", "size", "purpose", "expired", "expires_at")
    list_filter = ("purpose", "content_type", "tenant")
    search_fields = ("key__contains",)
    ordering = ("expires_at", "id")

    def heading(self, reservation: Reservation) -> str:
        return file_name(reservation.key)

    @admin.display(description=_("size"), ordering="size_bytes")
    def size(self, reservation: Reservation) -> str:
        return filesizeformat(reservation.size_bytes)

    @admin.display(description=_("expired"), boolean=True)
    def expired(self, reservation: Reservation) -> bool:
        return reservation.expires_at <= timezone.now()


def file_name(key: str) -> str:
    """The end of a key: before it stands the id of a tenant, which says nothing to a person."""
    return key.rpartition("/")[2] or key
