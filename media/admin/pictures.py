"""HTML of the thumbnails on the console's pages."""

from typing import Any

from django.db.models import Prefetch
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from events.console import EMPTY, page_of
from media.models import MediaObject, MediaRole, Post, PostMedia


def thumbnail_tag(media_id: Any, *, to: str = "") -> SafeString:
    """The thumbnail of a media object; a click leads to its page, or where `to` says."""
    return format_html(
        '<a class="console-thumb" href="{}"><img src="{}" alt="{}" loading="lazy"></a>',
        to or page_of(MediaObject, media_id),
        thumbnail_address(media_id),
        _("thumbnail"),
    )


def thumbnail_address(media_id: Any) -> str:
    return reverse("admin:media_mediaobject_thumbnail", args=[media_id])


def content_address(media_id: Any) -> str:
    return reverse("admin:media_mediaobject_content", args=[media_id])


def with_media(lookup: str = "post_media") -> Prefetch[Any]:
    """Prefetch the rows `post_thumbnail` reads; `lookup` is the path to `post_media`."""
    rows = PostMedia.objects.only("post_id", "media_object_id", "role", "position")
    return Prefetch(lookup, rows.order_by("position"))


def post_thumbnail(post: Post) -> SafeString | str:
    """The first medium of a post whose media are prefetched."""
    for row in post.post_media.all():
        if row.role != MediaRole.THUMBNAIL:
            return thumbnail_tag(row.media_object_id, to=page_of(Post, post.pk))
    return EMPTY
