"""The album of a post, on the console's page of the post."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from albums.admin.albums import name_of
from albums.models import MediaGroup, MediaGroupItem
from events.console import ReadOnlyInline, internal_link, page_of
from media.admin import PostAdmin
from media.models import Post


class AlbumOfPostInline(ReadOnlyInline[MediaGroupItem, Post]):
    """The album of a post and its position in it, on the page of the post."""

    model = MediaGroupItem
    fields = readonly_fields = ("album", "place", "status")
    verbose_name_plural = _("album")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MediaGroupItem]:
        return super().get_queryset(request).select_related("group__channel")

    @admin.display(description=_("album"))
    def album(self, item: MediaGroupItem) -> SafeString:
        return internal_link(page_of(MediaGroup, item.group_id), name_of(item.group))

    @admin.display(description=_("position"))
    def place(self, item: MediaGroupItem) -> int:
        """The position as people count, as on the page of the album."""
        return item.position + 1

    @admin.display(description=_("status"))
    def status(self, item: MediaGroupItem) -> str:
        return item.group.get_status_display()


PostAdmin.extend(inlines=[AlbumOfPostInline])
