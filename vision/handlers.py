"""Subscriptions of vision; none without FEATURE_VISION_ENABLED."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from events.errors import RetryLater
from events.models import OutboxEvent
from events.schemas import DeadLetterEventV1, VisionUploadedEventV1
from events.sentences import gettext_noop
from events.subscriptions import Mode, subscribe
from vision.policy.schema import PolicyRefused
from vision.providers.ocr.installed import TesseractMissing
from vision.providers.port import ProviderMisconfigured
from vision.services import analyze as services
from vision.services.ocr import MAX_AT_ONCE

logger = logging.getLogger(__name__)

ANALYZE = "vision.analyze"
ANALYZE_BACKFILL = "vision.analyze_backfill"
"""Backfill has a queue of its own: ten thousand older posts do not delay a recent one."""
WAIT_FOR_REPAIR = timedelta(minutes=5)
"""Nothing is wrong with the post: an operator installs Tesseract, or repairs the policy file."""
MOST_THREADS = 64


def threads() -> int:
    """
    Threads of one worker: half as many again as calls may be in progress, and two.

    While some threads wait for the provider, others fetch, compare and shrink the next pictures,
    or save results. At least as many as OCR uses, which has a limit of its own.
    """
    if not settings.GIGACHAT.configured:
        return MAX_AT_ONCE
    calls = settings.GIGACHAT.concurrent_requests
    return min(MOST_THREADS, max(MAX_AT_ONCE, calls + calls // 2 + 2))


def analyze(event: VisionUploadedEventV1, *, now: datetime) -> str:
    try:
        outcome = services.analyze_post(event, now=now)
    except (TesseractMissing, PolicyRefused, ProviderMisconfigured) as error:
        raise RetryLater(str(error), after=WAIT_FOR_REPAIR) from error
    logger.info("Vision analysis: %s", outcome)
    return outcome


def record_failure(event: DeadLetterEventV1, **_: Any) -> str:
    failed = OutboxEvent.objects.filter(pk=event.base_event_id).first()
    if failed is None:
        return gettext_noop("event not found")
    return services.record_failure(
        failed=VisionUploadedEventV1.model_validate(failed.payload),
        code=event.error_code,
        details=event.error_details,
    )


def _is_failed_analysis(event: DeadLetterEventV1) -> bool:
    unreadable = event.error_code == "invalid_payload"
    return event.subscriber in {ANALYZE, ANALYZE_BACKFILL} and not unreadable


def _is_recent(event: VisionUploadedEventV1) -> bool:
    return event.requires_vision and services.is_recent(event)


def _is_backfill(event: VisionUploadedEventV1) -> bool:
    return event.requires_vision and not services.is_recent(event)


def register() -> None:
    for name, queue, when in (
        (ANALYZE, "vision", _is_recent),
        (ANALYZE_BACKFILL, "vision_backfill", _is_backfill),
    ):
        subscribe(
            VisionUploadedEventV1,
            name=name,
            queue=queue,
            mode=Mode.LEASED,
            batch=1,
            threads=threads(),
            when=when,
        )(analyze)
    subscribe(DeadLetterEventV1, name="vision.record_failure", when=_is_failed_analysis)(
        record_failure
    )


if settings.VISION.feature_vision_enabled:
    register()
