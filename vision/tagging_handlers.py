"""
Subscriptions of tagging. Neither listens to `posts.tagged`, so what they publish leads to no more.

`TaggingTask` and `RetaggingTask` of the contract are `tag` and `retag`.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from events.schemas import DeadLetterEventV1, PostParsedEventV1, VisionAnalyzedEventV1
from events.sentences import Sentence, gettext_noop
from events.subscriptions import Mode, subscribe
from vision.tagging import metrics, run

logger = logging.getLogger(__name__)

TAG: Final = "vision.tag"
RETAG: Final = "vision.retag"
QUEUE: Final = "tagging"
"""Its own: ten thousand posts to tag delay neither an album nor a picture."""
BATCH: Final = 100


_TAGGED = Sentence(gettext_noop("%(count)s tagged"))
_CHANGED = Sentence(gettext_noop("%(count)s changed"))


def tag(events: Sequence[PostParsedEventV1], *, now: datetime) -> str:
    return _TAGGED % {"count": run.tag_new(events, now=now)}


def retag(events: Sequence[VisionAnalyzedEventV1], *, now: datetime) -> str:
    return _CHANGED % {"count": run.retag(events, now=now)}


def count_dead_letter(event: DeadLetterEventV1, *, now: datetime) -> str:
    del now
    counter = metrics.DLQ if event.subscriber == TAG else metrics.RETAG_DLQ
    counter.labels(event.error_code).inc()
    return "counted"


def _is_no_retag(event: PostParsedEventV1) -> bool:
    """Whatever a retag leads to is not tagged again: a cycle ends after one (CONTRACT A11)."""
    return event.trigger != "vision_retag"


def _is_ours(event: DeadLetterEventV1) -> bool:
    return event.subscriber in {TAG, RETAG}


def register() -> None:
    subscribe(
        PostParsedEventV1,
        name=TAG,
        queue=QUEUE,
        mode=Mode.PROJECTION,
        batch=BATCH,
        when=_is_no_retag,
        on_failure=metrics.count_failed_tagging,
        task="TaggingTask",
    )(tag)
    subscribe(
        VisionAnalyzedEventV1,
        name=RETAG,
        queue=QUEUE,
        mode=Mode.PROJECTION,
        batch=BATCH,
        on_failure=metrics.count_failed_retagging,
        task="RetaggingTask",
    )(retag)
    subscribe(DeadLetterEventV1, name="vision.count_given_up_tagging", when=_is_ours)(
        count_dead_letter
    )


register()
