"""What vision listens to. Without FEATURE_VISION_ENABLED it listens to nothing."""

import os
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from events.bus import Mode, subscribe
from events.errors import RetryLater
from events.models import OutboxEvent
from events.schemas import DeadLetterEventV1, VisionUploadedEventV1
from vision import services
from vision.policy_schema import PolicyRefused
from vision.providers.ocr import TesseractMissing

ANALYZE = "vision.analyze"
WAIT_FOR_REPAIR = timedelta(minutes=5)
"""Nothing is wrong with the post: somebody installs Tesseract, or mends the edited policy."""
# One more than cores: while one thread waits for a commit, every core still reads.
THREADS = (os.cpu_count() or 1) + 1


def analyze(event: VisionUploadedEventV1, *, now: datetime) -> str:
    try:
        return services.analyze_post(event, now=now)
    except (TesseractMissing, PolicyRefused) as missing:
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
    return event.subscriber == ANALYZE and not unreadable


def register() -> None:
    subscribe(
        VisionUploadedEventV1,
        name=ANALYZE,
        queue="vision",
        mode=Mode.OUTSIDE,
        batch=2,
        threads=THREADS,
        when=lambda event: event.requires_vision,
    )(analyze)
    subscribe(DeadLetterEventV1, name="vision.record_failure", when=_is_lost_analysis)(
        record_failure
    )


if settings.VISION.feature_vision_enabled:
    register()
