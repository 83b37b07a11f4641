"""The console's pages about duplicates: which analyses are reused, which pairs are marked distinct."""

import re
from typing import Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from events.console import ReadOnlyAdmin, short_time
from media.admin.pictures import thumbnail_tag
from media.models import media_object_id
from vision.duplicates import distinctions
from vision.models.duplicates import PictureDistinction, PictureHash

_HASH = re.compile(r"[0-9a-f]{64}")
Row = TypeVar("Row", PictureHash, PictureDistinction)


class PairAdmin(ReadOnlyAdmin[Row]):
    """Rows about two pictures; a search finds them by the SHA-256 of either."""

    columns: ClassVar[tuple[str, str]]
    search_help_text = _("A complete SHA-256")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        term = search_term.strip().lower()
        if not term:
            return queryset, False
        if not _HASH.fullmatch(term):
            return queryset.none(), False
        one, other = self.columns
        return queryset.filter(Q(**{one: term}) | Q(**{other: term})), False


@admin.register(PictureHash)
class DuplicateAdmin(PairAdmin[PictureHash]):
    """Lists only pictures that reuse another picture's analysis; other hashes are of no interest."""

    when_empty = _("No duplicates were found.")
    list_display = ("picture", "shared", "distance", "short_hash", "remembered", "tenant")
    list_display_links = ("short_hash",)
    list_filter = ("tenant", "distance")
    list_select_related = ("tenant",)
    columns = search_fields = ("sha256", "same_as")
    ordering = ("-id",)
    actions = ("mark_distinct",)
    fields = (
        "picture", "shared", "distance", "sha256", "same_as", "phash", "hash_size", "tenant",
        "remembered_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[PictureHash]:
        return super().get_queryset(request).exclude(same_as="").select_related("tenant")

    def has_mark_distinct_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("vision.add_picturedistinction"))

    @admin.action(description=_("Mark as distinct"), permissions=["mark_distinct"])
    def mark_distinct(self, request: HttpRequest, queryset: QuerySet[PictureHash]) -> None:
        now, count = timezone.now(), 0
        for row in queryset.select_related("tenant"):
            distinctions.mark_distinct(
                tenant=row.tenant, first=row.sha256, second=row.same_as, user=request.user, now=now
            )
            count += 1
        text = ngettext(
            "%(count)d pair of pictures is marked as distinct.",
            "%(count)d pairs of pictures are marked as distinct.",
            count,
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    @admin.display(description=_("picture"))
    def picture(self, row: PictureHash) -> SafeString:
        return _thumbnail(row.tenant_id, row.sha256)

    @admin.display(description=_("duplicate of"))
    def shared(self, row: PictureHash) -> SafeString:
        return _thumbnail(row.tenant_id, row.same_as)

    @admin.display(description=_("SHA-256"), ordering="sha256")
    def short_hash(self, row: PictureHash) -> str:
        return row.sha256[:12]

    @admin.display(description=_("remembered at"), ordering="remembered_at")
    def remembered(self, row: PictureHash) -> str:
        return short_time(row.remembered_at)


@admin.register(PictureDistinction)
class PictureDistinctionAdmin(PairAdmin[PictureDistinction]):
    when_empty = _("No pictures are marked as different.")
    list_display = ("first", "second", "said", "declared_by", "withdrawn", "withdrawn_by", "tenant")
    list_display_links = ("said",)
    list_filter = (
        ("withdrawn_at", admin.EmptyFieldListFilter),
        "tenant",
    )
    list_select_related = ("tenant", "declared_by", "withdrawn_by")
    columns = search_fields = ("first_sha256", "second_sha256")
    ordering = ("-id",)
    actions = ("withdraw",)
    fields = (
        "first", "first_sha256", "second", "second_sha256", "declared_by", "declared_at",
        "withdrawn_by", "withdrawn_at", "tenant",
    )  # fmt: skip

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("vision.add_picturedistinction"))

    @admin.action(description=_("Withdraw: they may be duplicates"), permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[PictureDistinction]) -> None:
        now = timezone.now()
        count = sum(
            distinctions.withdraw(
                tenant=row.tenant,
                first=row.first_sha256,
                second=row.second_sha256,
                user=request.user,
                now=now,
            )
            for row in queryset.select_related("tenant")
        )
        text = ngettext(
            "%(count)d decision is withdrawn.", "%(count)d decisions are withdrawn.", count
        )
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, text % {"count": count}, level)

    @admin.display(description=_("first picture"))
    def first(self, row: PictureDistinction) -> SafeString:
        return _thumbnail(row.tenant_id, row.first_sha256)

    @admin.display(description=_("second picture"))
    def second(self, row: PictureDistinction) -> SafeString:
        return _thumbnail(row.tenant_id, row.second_sha256)

    @admin.display(description=_("declared at"), ordering="declared_at")
    def said(self, row: PictureDistinction) -> str:
        return short_time(row.declared_at)

    @admin.display(description=_("withdrawn at"), ordering="withdrawn_at")
    def withdrawn(self, row: PictureDistinction) -> str:
        return short_time(row.withdrawn_at)


def _thumbnail(tenant_id: Any, sha256: str) -> SafeString:
    return thumbnail_tag(media_object_id(tenant_id, sha256))
