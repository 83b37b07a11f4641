"""The console's pages of media objects: type, posts that show it, and its bytes."""

import re
from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin, ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from events.console import EMPTY, ReadOnlyAdmin, excerpt, page_of, rendered
from media import views
from media.admin.first_steps import IMPORT_FIRST
from media.admin.pictures import content_address, thumbnail_address, thumbnail_tag
from media.models import MediaObject, Post, PostMedia, PostVersion
from storage_quota import links

USES_SHOWN = 20
_HASH = re.compile(r"[0-9a-f]{6,64}")


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [
            ("image", _("pictures")),
            ("video", _("videos")),
            ("audio", _("audio")),
            ("text", _("texts")),
            ("application", _("documents")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        kind = self.value()
        return queryset.filter(mime__startswith=f"{kind}/") if kind else queryset


class UsedFilter(admin.SimpleListFilter):
    title = _("use")
    parameter_name = "used"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [("1", _("shown by a post")), ("0", _("no post left")), ("2", _("by several"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rules = {"0": Q(refs_count=0), "1": Q(refs_count__gt=0), "2": Q(refs_count__gt=1)}
        found: QuerySet[Any] = queryset.filter(rules.get(self.value() or "", Q()))
        if self.value() != "2":
            return found
        # Versions of one post count as well: only posts make several of them.
        shown = PostMedia.objects.filter(media_object=OuterRef("pk")).order_by()
        counts = shown.values("media_object").annotate(n=Count("pk")).values("n")
        several: QuerySet[Any] = found.alias(posts_count=Subquery(counts))
        return several.filter(posts_count__gt=1)


@admin.register(MediaObject)
class MediaObjectAdmin(ReadOnlyAdmin[MediaObject]):
    when_empty = IMPORT_FIRST
    list_display = (
        "thumbnail",
        "short_hash",
        "mime",
        "size",
        "dimensions",
        "refs_count",
        "tenant",
        "last_seen_at",
    )
    list_display_links = ("short_hash",)
    list_filter = (KindFilter, UsedFilter, "tenant")
    list_select_related = ("tenant",)
    search_fields = ("file_sha256",)
    search_help_text = _("The beginning of a SHA-256, six digits at least")
    ordering = ("-last_seen_at", "id")
    inlines: ClassVar[Any] = ()
    fields = (
        "preview",
        "mime",
        "size",
        "dimensions",
        "defect",
        "duration",
        "refs_count",
        "used_by",
        "file_sha256",
        "s3_key",
        "s3_bucket",
        "tenant",
        "first_seen_at",
        "last_seen_at",
    )

    @classmethod
    def extend(cls, *, inlines: Iterable[type[InlineModelAdmin[Any, MediaObject]]]) -> None:
        """Add inlines of rooms above, which this room must not import."""
        cls.inlines = (*cls.inlines, *inlines)

    def get_queryset(self, request: HttpRequest) -> QuerySet[MediaObject]:
        return super().get_queryset(request).select_related("tenant")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[MediaObject], search_term: str
    ) -> tuple[QuerySet[MediaObject], bool]:
        term = search_term.strip().lower()
        if not term:
            return queryset, False
        if not _HASH.fullmatch(term):
            return queryset.none(), False
        return queryset.filter(file_sha256__startswith=term), False

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                f"<uuid:media_id>/{name}/",
                self.admin_site.admin_view(view, cacheable=True),
                name=f"media_mediaobject_{name}",
            )
            for name, view in (("thumbnail", self.thumbnail_view), ("content", self.content_view))
        ] + super().get_urls()

    @method_decorator(require_safe)
    def thumbnail_view(self, request: HttpRequest, media_id: UUID) -> HttpResponseBase:
        return views.thumbnail(request, self._visible(request, media_id))

    @method_decorator(require_safe)
    def content_view(self, request: HttpRequest, media_id: UUID) -> HttpResponseBase:
        return views.content(request, self._visible(request, media_id))

    def _visible(self, request: HttpRequest, media_id: UUID) -> MediaObject | None:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return MediaObject.objects.visible_to(request.user).filter(pk=media_id).first()

    @admin.display(description=_("picture"))
    def thumbnail(self, media: MediaObject) -> SafeString:
        return thumbnail_tag(media.pk)

    @admin.display(description=_("SHA-256"), ordering="file_sha256")
    def short_hash(self, media: MediaObject) -> str:
        return media.file_sha256[:12]

    @admin.display(description=_("size"), ordering="size_bytes")
    def size(self, media: MediaObject) -> str:
        return filesizeformat(media.size_bytes)

    @admin.display(description=_("dimensions"))
    def dimensions(self, media: MediaObject) -> str:
        return f"{media.width} × {media.height}" if media.width and media.height else EMPTY

    @admin.display(description=_("duration, s"), ordering="duration_seconds")
    def duration(self, media: MediaObject) -> str:
        seconds = media.duration_seconds
        return EMPTY if seconds is None else number_format(seconds, 1)

    @admin.display(description=_("content"))
    def preview(self, media: MediaObject) -> SafeString:
        shown = media.mime in links.INLINE_TYPES
        return format_html(
            '<a class="console-preview" href="{0}"><img src="{1}" alt=""><br>{2}</a>',
            content_address(media.pk),
            content_address(media.pk) if shown else thumbnail_address(media.pk),
            _("open the original") if shown else _("download"),
        )

    @admin.display(description=_("posts"))
    def used_by(self, media: MediaObject) -> SafeString | str:
        showing = PostMedia.objects.filter(media_object=media).values("post")
        before = PostVersion.objects.filter(media=media).values("post")
        posts = Post.objects.filter(Q(pk__in=showing) | Q(pk__in=before)).select_related("channel")
        rows = [
            {
                "address": page_of(Post, p.pk),
                "channel": p.channel,
                "post": p,
                "text": excerpt(p.content),
            }
            for p in posts.order_by("-posted_at", "-id")[:USES_SHOWN]
        ]
        more = posts.count() - len(rows)
        return rendered("used_by.html", rows=rows, more=more) if rows else EMPTY
