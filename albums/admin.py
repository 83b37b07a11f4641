"""The console's pages of albums: their pictures in order, and their summary."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from albums.models import MediaGroup, MediaGroupItem
from events.console import (
    EMPTY,
    ReadOnlyAdmin,
    ReadOnlyInline,
    excerpt,
    internal_link,
    page_of,
    pretty_json,
    rendered,
    short_time,
    text_block,
)
from media.admin import PostAdmin
from media.admin.pictures import thumbnail_address, thumbnail_tag
from media.models import MediaState, Post
from vision.models import EnrichmentKind, PostEnrichment

HEADING_CHARS = 60


class AlbumOfPostInline(ReadOnlyInline[MediaGroupItem, Post]):
    """The album of a post and its position in it, on the page of the post."""

    model = MediaGroupItem
    fields = readonly_fields = ("album", "place", "status")
    verbose_name_plural = _("album")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MediaGroupItem]:
        return super().get_queryset(request).select_related("group__channel")

    @admin.display(description=_("album"))
    def album(self, item: MediaGroupItem) -> SafeString:
        return internal_link(page_of(MediaGroup, item.group_id), _name(item.group))

    @admin.display(description=_("position"))
    def place(self, item: MediaGroupItem) -> int:
        """The position as people count, as on the page of the album."""
        return item.position + 1

    @admin.display(description=_("status"))
    def status(self, item: MediaGroupItem) -> str:
        return item.group.get_status_display()


PostAdmin.extend(inlines=[AlbumOfPostInline])


@admin.register(MediaGroup)
class MediaGroupAdmin(ReadOnlyAdmin[MediaGroup]):
    list_display = (
        "cover",
        "caption",
        "channel",
        "album_kind",
        "items_count",
        "status",
        "posted",
        "assembled",
    )
    list_display_links = ("caption",)
    list_filter: ClassVar[Any] = (
        "status",
        "album_kind",
        "channel",
        "tenant",
    )
    list_select_related = ("channel", "tenant")
    search_fields = ("=grouped_id", "caption_text")
    search_help_text = _("A part of the caption, or the number of the group")
    date_hierarchy = "posted_at"
    ordering = ("-posted_at", "-id")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("channel", "posted_at", "full_caption", "strip")}),
        (
            pgettext_lazy("album", "Summary"),
            {"fields": ("status", "summary", "assembled_at", "version")},
        ),
        (
            _("Record"),
            {
                "classes": ("collapse",),
                "fields": (
                    "id",
                    "tenant",
                    "grouped_id",
                    "album_kind",
                    "items_count",
                    "meta_json",
                    "created_at",
                    "updated_at",
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[MediaGroup]:
        return super().get_queryset(request).select_related("channel", "tenant")

    def heading(self, group: MediaGroup) -> str:
        return _name(group)

    @admin.display(description=_("posted at"), ordering="posted_at")
    def posted(self, group: MediaGroup) -> str:
        return short_time(group.posted_at)

    @admin.display(description=_("assembled at"), ordering="assembled_at")
    def assembled(self, group: MediaGroup) -> str:
        return short_time(group.assembled_at)

    @admin.display(description=_("cover"))
    def cover(self, group: MediaGroup) -> SafeString | str:
        if group.cover_media_id is None:
            return EMPTY
        return thumbnail_tag(group.cover_media_id, to=page_of(MediaGroup, group.pk))

    @admin.display(description=_("caption"))
    def caption(self, group: MediaGroup) -> str:
        text = excerpt(group.caption_text)
        return text if text != EMPTY else f"{EMPTY} #{group.grouped_id}"

    @admin.display(description=_("caption"))
    def full_caption(self, group: MediaGroup) -> SafeString | str:
        return text_block(group.caption_text)

    @admin.display(description=_("pictures"))
    def strip(self, group: MediaGroup) -> SafeString | str:
        """The items in the order of their positions, each with the text that was read in it."""
        analyses = PostEnrichment.objects.filter(kind=EnrichmentKind.VISION).only(
            "post_id", "status", "vision_analyzed_at", "vision_ocr_text", "vision_description"
        )
        items = (
            MediaGroupItem.objects.filter(group=group)
            .select_related("post")
            .prefetch_related(Prefetch("post__enrichments", analyses, to_attr="analyses"))
        )
        return rendered("strip.html", items=list(_pictures(items.order_by("position"))))

    @admin.display(description=_("summary"))
    def summary(self, group: MediaGroup) -> SafeString | str:
        stored = group.meta.get("enrichment")
        if not stored:
            return EMPTY
        summary = {name: _time(name, value) for name, value in stored.items()}
        return rendered("album_summary.html", summary=summary)

    @admin.display(description=_("meta"))
    def meta_json(self, group: MediaGroup) -> SafeString | str:
        return pretty_json(group.meta)


def _pictures(items: QuerySet[MediaGroupItem]) -> Iterator[dict[str, Any]]:
    for item in items:
        media_id: Any = item.media_object_id
        yield {
            "position": item.position,
            "kind": item.get_media_kind_display(),
            "post": page_of(Post, item.post_id),
            "message": item.post.telegram_message_id,
            "absence": item.post.get_media_state_display(),
            "awaited": item.post.media_state == MediaState.STORED,
            "thumbnail": thumbnail_address(media_id) if media_id else "",
            "analysis": next(iter(item.post.analyses), None),  # type: ignore[attr-defined]
        }


def _name(group: MediaGroup) -> str:
    text = excerpt(group.caption_text, HEADING_CHARS)
    return text if text != EMPTY else f"{group.channel} #{group.grouped_id}"


def _time(name: str, value: Any) -> Any:
    """Parse a time of the summary: JSON has times as text."""
    return parse_datetime(value) if name.endswith("_at") and value else value
