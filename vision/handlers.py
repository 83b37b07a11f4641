"""What vision listens to. Without FEATURE_VISION_ENABLED it listens to nothing."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from events.errors import RetryLater
from events.models import OutboxEvent
from events.schemas import DeadLetterEventV1, VisionUploadedEventV1
from events.subscriptions import Mode, subscribe
from vision.policy.schema import PolicyRefused
from vision.providers.ocr.tesseract import TesseractMissing
from vision.providers.port import ProviderMisconfigured
from vision.services import analyze as services
from vision.services.ocr import TURNS

ANALYZE = "vision.analyze"
ANALYZE_OLD = "vision.analyze_old"
"""Posts of the past have a queue of their own: ten thousand of them delay no fresh one."""
WAIT_FOR_REPAIR = timedelta(minutes=5)
"""Nothing is wrong with the post: somebody installs Tesseract, or mends the edited policy."""
MOST_THREADS = 64


def threads() -> int:
    """
    Half as many again as may call at once, and two: behind every place stands a picture that
    is fetched, compared and made small, while others write down what they were told.

    At least as many as read at once with OCR, which takes turns of its own.
    """
    if not settings.GIGACHAT.configured:
        return TURNS
    calls = settings.GIGACHAT.concurrent_requests
    return min(MOST_THREADS, max(TURNS, calls + calls // 2 + 2))


def analyze(event: VisionUploadedEventV1, *, now: datetime) -> str:
    try:
        return services.analyze_post(event, now=now)
    except (TesseractMissing, PolicyRefused, ProviderMisconfigured) as missing:
        raise RetryLater(str(missing), after=WAIT_FOR_REPAIR) from missing


def record_failure(event: DeadLetterEventV1, **_: Any) -> str:
    lost = OutboxEvent.objects.filter(pk=event.base_event_id).first()
    if lost is None:
        return "event not found"
    return services.record_failure(
        failed=VisionUploadedEventV1.model_validate(lost.payload),
        code=event.error_code,
        details=event.error_details,
    )


def _is_lost_analysis(event: DeadLetterEventV1) -> bool:
    unreadable = event.error_code == "invalid_payload"
    return event.subscriber in {ANALYZE, ANALYZE_OLD} and not unreadable


def _is_fresh(event: VisionUploadedEventV1) -> bool:
    return event.requires_vision and services.is_live(event)


def _is_old(event: VisionUploadedEventV1) -> bool:
    return event.requires_vision and not services.is_live(event)


def register() -> None:
    for name, queue, when in (
        (ANALYZE, "vision", _is_fresh),
        (ANALYZE_OLD, "vision_backfill", _is_old),
    ):
        subscribe(
            VisionUploadedEventV1, name=name, queue=queue, mode=Mode.LEASED, batch=1,
            threads=threads(), when=when,
        )(analyze)  # fmt: skip
    subscribe(DeadLetterEventV1, name="vision.record_failure", when=_is_lost_analysis)(
        record_failure
    )


if settings.VISION.feature_vision_enabled:
    register()
