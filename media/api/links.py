"""Links to the bytes of a post's files: signed by the store, or to the application itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from rest_framework.request import Request

from media.models import MediaRole, Post, PostMedia
from media.views import safe_name
from storage_quota import links


@dataclass(frozen=True, slots=True)
class FileLink:
    """`expires_at` is None where the link is no secret: whoever opens it has to sign in."""

    url: str
    expires_at: datetime | None = None


def links_of(post: Post, request: Request, *, now: datetime) -> dict[UUID, FileLink]:
    """The links of a post's files, by two statements for all of them."""
    rows: Sequence[PostMedia] = list(post.post_media.all())
    signed = links.presigned_urls(
        tenant_id=post.tenant_id,
        names={row.media_object.s3_key: _name(post, row) for row in rows},
        now=now,
    )
    until = now + timedelta(seconds=settings.S3.presigned_url_ttl)
    return {row.media_object_id: _link(row, signed, until, request) for row in rows}


def _link(row: PostMedia, signed: dict[str, str], until: datetime, request: Any) -> FileLink:
    url = signed.get(row.media_object.s3_key)
    if url:
        return FileLink(url, until)
    own = reverse("media-content", args=[row.media_object_id])
    return FileLink(request.build_absolute_uri(own))


def _name(post: Post, row: PostMedia) -> str:
    return safe_name(post.media_name if row.role == MediaRole.PRIMARY else "", row.media_object)
