"""The media of a post, on the console's page of the post."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from events.console import EMPTY, ReadOnlyInline, internal_link
from media.admin.pictures import content_address, thumbnail_tag
from media.models import Post, PostMedia


class PostMediaInline(ReadOnlyInline[PostMedia, Post]):
    model = PostMedia
    verbose_name_plural = _("media")
    fields = readonly_fields = ("picture", "role", "mime", "size", "dimensions", "original")
    ordering = ("position",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PostMedia]:
        return super().get_queryset(request).select_related("media_object")

    @admin.display(description=_("picture"))
    def picture(self, row: PostMedia) -> SafeString:
        return thumbnail_tag(row.media_object_id)

    @admin.display(description=_("type"))
    def mime(self, row: PostMedia) -> str:
        return row.media_object.mime

    @admin.display(description=_("size"))
    def size(self, row: PostMedia) -> str:
        return filesizeformat(row.media_object.size_bytes)

    @admin.display(description=_("dimensions"))
    def dimensions(self, row: PostMedia) -> str:
        media = row.media_object
        return f"{media.width} × {media.height}" if media.width and media.height else EMPTY

    @admin.display(description=_("original"))
    def original(self, row: PostMedia) -> SafeString:
        return internal_link(content_address(row.media_object_id), _("open"))
