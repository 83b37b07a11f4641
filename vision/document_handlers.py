"""Subscriptions that read documents; none without FEATURE_DOCUMENT_TEXT_ENABLED."""

import logging
import os
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from events.errors import RetryLater
from events.models import OutboxEvent
from events.schemas import DeadLetterEventV1, DocumentsRequestedEventV1, VisionUploadedEventV1
from events.sentences import gettext_noop
from events.subscriptions import Mode, subscribe
from vision.documents.claims import LEASE
from vision.documents.kinds import is_document
from vision.providers.ocr.installed import TesseractMissing
from vision.services import read_documents as services

logger = logging.getLogger(__name__)

UPLOADED: Final = "vision.read_documents"
REQUESTED: Final = "vision.read_documents_again"
QUEUE: Final = "documents"
"""Its own: a document of a minute delays no picture."""
WAIT_FOR_REPAIR: Final = timedelta(minutes=5)
"""Nothing is wrong with the document: an operator installs Tesseract."""


def read(event: VisionUploadedEventV1 | DocumentsRequestedEventV1, *, now: datetime) -> str:
    try:
        outcome = services.read_documents(
            UUID(event.post_id), tenant_id=UUID(event.tenant_id), now=now
        )
    except TesseractMissing as error:
        raise RetryLater(str(error), after=WAIT_FOR_REPAIR) from error
    logger.info("Documents: %s", outcome)
    return outcome


def record_failure(event: DeadLetterEventV1, *, now: datetime) -> str:
    failed = OutboxEvent.objects.filter(pk=event.base_event_id).first()
    if failed is None:
        return gettext_noop("event not found")
    return services.record_failure(
        UUID(failed.payload["post_id"]),
        tenant_id=UUID(failed.payload["tenant_id"]),
        code=event.error_code,
        now=now,
    )


def _has_documents(event: VisionUploadedEventV1) -> bool:
    """Also whether there may have been some; a reanalysis is one of pictures."""
    shown = any(is_document(file.mime_type) for file in event.media_files)
    return not event.reanalysis and (shown or event.replaces)


def _is_failed_reading(event: DeadLetterEventV1) -> bool:
    return event.subscriber in {UPLOADED, REQUESTED} and event.error_code != "invalid_payload"


def register() -> None:
    usual: dict[str, Any] = {
        "queue": QUEUE,
        "mode": Mode.LEASED,
        "batch": 1,
        "lease": LEASE,
        # Recognition of pictures has the cores, too.
        "threads": max(1, (os.cpu_count() or 1) // 2),
    }
    subscribe(VisionUploadedEventV1, name=UPLOADED, when=_has_documents, **usual)(read)
    subscribe(DocumentsRequestedEventV1, name=REQUESTED, **usual)(read)
    subscribe(DeadLetterEventV1, name="vision.record_failed_reading", when=_is_failed_reading)(
        record_failure
    )


if settings.DOCUMENTS.feature_document_text_enabled:
    register()
