"""Ask for documents to be read again: by an event of its own, so that no picture is analyzed with it."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop

from accounts import audit
from accounts.models import Tenant
from events import outbox
from events.errors import DomainError
from events.schemas import DocumentsRequestedEventV1
from media.models import MediaObject, MediaRole, Post
from vision.documents.kinds import is_document
from vision.models import DocumentText, ReadingState


class ReadingSwitchedOff(DomainError):
    """FEATURE_DOCUMENT_TEXT_ENABLED is off: the events would have no subscriber and be lost."""

    code: ClassVar[str] = "document_text_switched_off"
    http_status: ClassVar[int] = 409


def of_posts(post_ids: Sequence[UUID], *, now: datetime) -> int:
    """Have the documents of these posts read again; returns the number of documents."""
    shown = MediaObject.objects.filter(post_media__post__in=post_ids).exclude(
        post_media__role=MediaRole.THUMBNAIL
    )
    found = {pk for pk, mime in shown.values_list("pk", "mime") if is_document(mime)}
    return of_media(found, now=now)


def of_media(media_ids: Iterable[UUID], *, now: datetime) -> int:
    """
    Have these documents read again, and all posts that show them learn it; returns their number.

    One that is being read at this moment is not asked for twice.
    """
    if not settings.DOCUMENTS.feature_document_text_enabled:
        raise ReadingSwitchedOff(
            gettext_noop("FEATURE_DOCUMENT_TEXT_ENABLED is off: documents are not read")
        )
    with transaction.atomic():
        media = list(MediaObject.objects.filter(pk__in=set(media_ids)).order_by("pk"))
        wanted = [one.pk for one in media]
        DocumentText.objects.filter(pk__in=wanted, state=ReadingState.DONE).update(
            state=ReadingState.REQUESTED, attempts=0
        )
        run = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        posts = Post.objects.filter(post_media__media_object__in=wanted).distinct()
        outbox.publish_many([_event(post, run) for post in posts.only("tenant_id", "channel_id")])
        _record(media)
    return len(media)


def _event(post: Post, run: str) -> DocumentsRequestedEventV1:
    return DocumentsRequestedEventV1(
        tenant_id=str(post.tenant_id),
        idempotency_key=f"{post.tenant_id}:{post.pk}:documents:{run}",
        post_id=str(post.pk),
        channel_id=str(post.channel_id),
        run=run,
    )


def _record(media: Sequence[MediaObject]) -> None:
    """Tell the audit, once for each tenant."""
    tenants = Tenant.objects.in_bulk({one.tenant_id for one in media})
    for pk, tenant in sorted(tenants.items()):
        sha256 = [one.file_sha256 for one in media if one.tenant_id == pk]
        after = {"documents": len(sha256), "sha256": sha256[:10]}
        audit.record("documents.requested", tenant=tenant, after=after)
