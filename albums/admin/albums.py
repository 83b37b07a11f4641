"""The console's pages of albums: their pictures in order, and their summary."""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from albums.models import MediaGroup, MediaGroupItem
from albums.services import reassemble
from albums.services.progress import progress_of
from events.console import (
    EMPTY,
    ReadOnlyAdmin,
    excerpt,
    page_of,
    pretty_json,
    rendered,
    short_time,
    text_block,
)
from media.admin.pictures import thumbnail_address, thumbnail_tag
from media.models import MediaState, Post
from vision.models import EnrichmentKind, PostEnrichment

HEADING_CHARS: Final = 60
PERMISSION: Final = "albums.change_mediagroup"
MOST: Final = 1000
"""More would exceed the patience of a browser."""


@admin.register(MediaGroup)
class MediaGroupAdmin(ReadOnlyAdmin[MediaGroup]):
    when_empty = _(
        "No albums yet: pictures that were sent together are assembled after their import."
    )
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
    actions = ("reassemble",)
    search_fields = ("=grouped_id", "caption_text")
    search_help_text = _("A part of the caption, or the number of the group")
    date_hierarchy = "posted_at"
    ordering = ("-posted_at", "-id")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("channel", "posted_at", "full_caption", "waits_for", "strip")}),
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

    def has_reassemble_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.action(description=_("Assemble again"), permissions=["reassemble"])
    def reassemble(self, request: HttpRequest, queryset: QuerySet[MediaGroup]) -> None:
        """Queue another assembly of these albums."""
        ids = list(queryset.order_by().values_list("pk", flat=True)[: MOST + 1])
        if len(ids) > MOST:
            too_many = _("More than %(most)d at a time are not possible.")
            self.message_user(request, too_many % {"most": MOST}, messages.ERROR)
            return
        count = reassemble.request(ids)
        text = ngettext(
            "The assembly of %(count)d album is queued.",
            "The assembly of %(count)d albums is queued.",
            count,
        )
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, text % {"count": count}, level)

    def heading(self, group: MediaGroup) -> str:
        return name_of(group)

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

    @admin.display(description=_("waits for"))
    def waits_for(self, group: MediaGroup) -> SafeString | str:
        """The items whose outcome is still to come, since when, and until when at most."""
        progress = progress_of(group)
        if not (progress.is_waiting or progress.awaited):
            return EMPTY
        awaited = [
            {
                "page": page_of(Post, item.row.post_id),
                "position": item.position + 1,
                "message": item.row.post.telegram_message_id,
            }
            for item in progress.awaited
        ]
        return rendered("album_waits_for.html", progress=progress, awaited=awaited)

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


def name_of(group: MediaGroup) -> str:
    """The beginning of the caption; of an album without one, its channel and number."""
    text = excerpt(group.caption_text, HEADING_CHARS)
    return text if text != EMPTY else f"{group.channel} #{group.grouped_id}"


def _time(name: str, value: Any) -> Any:
    """Parse a time of the summary: JSON has times as text."""
    return parse_datetime(value) if name.endswith("_at") and value else value
