"""What is known of a post's documents: its enrichment, and the event in the same transaction."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from events import outbox
from events.schemas import DocumentResult, DocumentsReadEventV1
from events.sentences import Sentence, gettext_noop
from media.models import MediaObject, MediaRole, Post
from vision.documents.kinds import is_document
from vision.models import (
    DocumentText,
    EnrichmentKind,
    EnrichmentStatus,
    PostEnrichment,
    ReadingOutcome,
    ReadingState,
    VisionProviderName,
)

_READ = (ReadingOutcome.ANALYZED, ReadingOutcome.PARTIAL)


_WERE_READ = Sentence(gettext_noop("%(done)s of %(documents)s read"))


def documents_of(post_id: UUID) -> list[MediaObject]:
    """The documents that a post shows now, in their order."""
    shown = MediaObject.objects.filter(post_media__post=post_id).exclude(
        post_media__role=MediaRole.THUMBNAIL
    )
    return [media for media in _in_order(shown, post_id) if is_document(media.mime)]


def _in_order(media: QuerySet[MediaObject], post_id: UUID) -> QuerySet[MediaObject]:
    return media.filter(post_media__post=post_id).order_by("post_media__position")


def save(post_id: UUID, *, now: datetime) -> str:
    """
    Bring the enrichment of a post up to date with its documents; publishes if it changed.

    While one of them is not read yet nothing is saved: whoever reads it comes here afterwards.
    """
    with transaction.atomic():
        # Saved one after the other, and not while an edit is saved.
        post = Post.objects.select_for_update(no_key=True).filter(pk=post_id).first()
        if post is None:
            return gettext_noop("post not found")
        documents = documents_of(post_id)
        rows = DocumentText.objects.in_bulk([media.pk for media in documents])
        known = [(media, rows[media.pk]) for media in documents if media.pk in rows]
        if len(known) < len(documents) or any(r.state != ReadingState.DONE for _, r in known):
            return gettext_noop("some are not read yet")
        return _save(post, known, now=now)


def _save(post: Post, known: Sequence[tuple[MediaObject, DocumentText]], *, now: datetime) -> str:
    mine = PostEnrichment.objects.filter(post=post, kind=EnrichmentKind.DOCUMENT_TEXT)
    before = mine.values_list("features_hash", flat=True).first()
    features = _features(known) if known else ""
    if features == (before or ""):
        return gettext_noop("still the same")
    if known:
        columns = _columns(known, features)
        PostEnrichment.objects.update_or_create(
            post=post, kind=EnrichmentKind.DOCUMENT_TEXT, defaults=columns
        )
    else:
        mine.delete()  # an edit has replaced the document
    outbox.publish(_event(post, known, features, now=now))
    read = sum(row.outcome in _READ for _, row in known)
    return _WERE_READ % {"done": read, "documents": len(known)}


def _features(known: Sequence[tuple[MediaObject, DocumentText]]) -> str:
    told = [
        f"{media.file_sha256}:{row.outcome}:{row.reason}:{row.details}:{row.text_hash}"
        for media, row in known
    ]
    return sha256("\n".join(told).encode()).hexdigest()


def _columns(known: Sequence[tuple[MediaObject, DocumentText]], features: str) -> dict[str, Any]:
    read = [row for _, row in known if row.outcome in _READ]
    failed = [row for _, row in known if row.outcome == ReadingOutcome.FAILED]
    is_cut = any(row.outcome == ReadingOutcome.PARTIAL for row in read)
    return {
        "provider": "documents",
        # So that the console says "not analyzed" and not "ok" where there was nothing to read.
        "vision_provider": None if read else VisionProviderName.NONE,
        "status": _status(has_read=bool(read), has_failed=bool(failed), is_cut=is_cut),
        "error": "; ".join(f"{row}: {row.reason}" for row in failed)[:500],
        "features_hash": features,
        "ocr_present": bool(read),
        "metadata": {"decisions": [_decision(media, row) for media, row in known]},
        "s3_media_keys": [media.s3_key for media, _ in known],
    }


def _status(*, has_read: bool, has_failed: bool, is_cut: bool) -> EnrichmentStatus:
    if has_failed and not has_read:
        return EnrichmentStatus.ERROR
    return EnrichmentStatus.PARTIAL if has_failed or is_cut else EnrichmentStatus.OK


def _decision(media: MediaObject, row: DocumentText) -> dict[str, Any]:
    """One line of the decisions, in the form of those about pictures."""
    return {
        "sha256": media.file_sha256,
        "outcome": row.outcome,
        "reason": row.reason,
        "details": row.details,
        "format": row.format,
        "pages": row.pages,
        "chars": row.chars,
    }


def _event(
    post: Post,
    known: Sequence[tuple[MediaObject, DocumentText]],
    features: str,
    *,
    now: datetime,
) -> DocumentsReadEventV1:
    # The row above is locked and has changed, so each change is one event, whenever it happens;
    # the time tells a state from the same state before.
    key = f"{post.tenant_id}:{post.pk}:{features[:16]}:{now.timestamp():.6f}"
    return DocumentsReadEventV1(
        tenant_id=str(post.tenant_id),
        idempotency_key=key,
        post_id=str(post.pk),
        channel_id=str(post.channel_id),
        features_hash=features,
        documents=[
            DocumentResult(
                sha256=media.file_sha256,
                outcome=row.outcome,
                reason=row.reason,
                format=row.format,
                pages=row.pages,
                chars=row.chars,
            )
            for media, row in known
        ],
    )
