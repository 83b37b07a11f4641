"""Steps 4, 5 and 7: waiting for the worker, the result in the database, the state of the queue."""

import time
from typing import Any, Final

from django.utils import timezone
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from events.delivery import stats
from events.models import Delivery, DeliveryState, OutboxEvent
from events.schemas import VisionAnalyzedEventV1
from events.workers import heartbeats
from media.services import sample_post
from telegram_assistant.end_to_end.trial import StepFailed, Trial
from vision.models import EnrichmentKind, PostEnrichment, ProviderHealth
from vision.reasons import explain

TICK: Final = 15.0
"""Seconds between two lines while the worker is awaited (CONTRACT §15)."""
POLL: Final = 0.5
NO_WORKER_AFTER: Final = heartbeats.SILENT_AFTER
"""Seconds after which a queue that no worker serves is a failure: one may just be starting."""
DOCTOR: Final = "`doctor --only gigachat --only provider`"


def wait(trial: Trial) -> None:
    """Wait until the delivery is done. Fails as soon as that is hopeless."""
    started, shown = time.monotonic(), 0
    while (passed := time.monotonic() - started) < trial.seconds:
        delivery = _delivery(trial)
        if delivery.state == DeliveryState.DONE:
            trial.outcome = delivery.outcome
            return
        if delivery.state == DeliveryState.DEAD:
            raise _given_up(delivery)
        if passed > min(NO_WORKER_AFTER, trial.seconds / 2):
            _require_worker(delivery)
        if passed >= (shown + 1) * TICK:
            shown += 1
            seconds = int(shown * TICK)
            trial.say("  " + _("... waiting (%(seconds)d seconds)") % {"seconds": seconds})
        time.sleep(POLL)
    delivery = _delivery(trial)
    _require_worker(delivery)
    raise _too_late(delivery, trial.seconds)


def check_database(trial: Trial) -> None:
    """Whether the post has a result, and of the provider that is configured."""
    row = PostEnrichment.objects.filter(post=trial.the_post, kind=EnrichmentKind.VISION).first()
    if row is None or row.vision_analyzed_at is None:
        why = row.error or _reasons(row) if row else trial.outcome
        raise StepFailed(
            _("the post has no analysis: %(why)s") % {"why": why},
            _("see `diag_vision check --post-id %(id)s`") % {"id": trial.the_post.pk},
        )
    if why := _fallback(row):
        raise StepFailed(
            _("Tesseract has read the picture in place of GigaChat: %(why)s")
            % {"why": why + _state_of_provider()},
            _("see %(doctor)s and `diag_vision budget`") % {"doctor": DOCTOR},
        )
    trial.say("  ✅ " + _("Vision analysis done!"))
    trial.say_fact("Analyzed At", localtime(row.vision_analyzed_at).isoformat(sep=" "))
    trial.say_fact("Provider", row.vision_provider)
    trial.say_fact("Model", row.vision_model)
    trial.say_fact("Is Meme", str(row.vision_is_meme).lower())
    trial.say_fact("Tokens Used", row.vision_tokens_used)


def check_streams(trial: Trial) -> None:
    """The state of both topics; the event about the result carries the trace id of the request."""
    unfinished = trial.the_row.deliveries.exclude(state=DeliveryState.DONE)
    if names := list(unfinished.values_list("subscriber", flat=True)):
        raise StepFailed(
            _("not done: %(names)s") % {"names": ", ".join(names)},
            _("see `events show %(id)s`") % {"id": trial.the_row.pk},
        )
    topics = (trial.the_event.topic, VisionAnalyzedEventV1.topic)
    for row in stats.stats(now=timezone.now()):
        if row.topic in topics:
            age = f"{row.oldest_seconds:.0f} s" if row.oldest_seconds is not None else "-"
            trial.say(
                f"  {row.topic} {row.subscriber or '-'}: length {row.length},"
                f" pending {row.pending}, leased {row.leased}, dead {row.dead}, oldest {age}"
            )
    results = OutboxEvent.objects.filter(topic=topics[1], trace_id=trial.trace_id)
    # A post of the archive may have been analyzed before: then there is nothing new to say.
    if sample_post.is_sample(trial.the_post) and not results.exists():
        raise StepFailed(
            _("no event %(topic)s has the trace id %(trace)s")
            % {"topic": topics[1], "trace": trial.trace_id},
            _("see `events list --topic %(topic)s`") % {"topic": topics[1]},
        )


def _delivery(trial: Trial) -> Delivery:
    found = trial.the_row.deliveries.filter(subscriber__startswith="vision.analyze")
    return found.get()


def _require_worker(delivery: Delivery) -> None:
    if delivery.state == DeliveryState.PENDING and heartbeats.unserved([delivery.queue]):
        raise StepFailed(
            _("no worker serves the queue %(queue)s") % {"queue": delivery.queue},
            _("start the workers: `python manage.py qcluster`"),
        )


def _given_up(delivery: Delivery) -> StepFailed:
    return StepFailed(
        _("the worker gave up: %(code)s: %(details)s")
        % {"code": delivery.error_code, "details": delivery.error_details},
        _("see `events show %(id)s`") % {"id": delivery.event_id},
    )


def _too_late(delivery: Delivery, seconds: float) -> StepFailed:
    state = f"{delivery.state}; {delivery.outcome or delivery.error_details}".rstrip("; ")
    return StepFailed(
        _("not analyzed within %(seconds)g seconds (%(state)s)")
        % {"seconds": seconds, "state": state + _state_of_provider()},
        _("the provider may hang: see %(doctor)s") % {"doctor": DOCTOR},
    )


def _state_of_provider() -> str:
    """What the workers have last noted about GigaChat's failures, to be added to a reason."""
    health = ProviderHealth.objects.filter(provider="gigachat").exclude(details="").first()
    return f"; {health.details}" if health else ""


def _fallback(row: PostEnrichment) -> str:
    """Why text recognition stood in for GigaChat; empty where it did not."""
    return _in_words([one for one in _decisions(row) if one.get("outcome") == "read"])


def _reasons(row: PostEnrichment) -> str:
    return _in_words(_decisions(row))


def _decisions(row: PostEnrichment) -> list[dict[str, Any]]:
    return list(row.metadata.get("decisions", ()))


def _in_words(decisions: list[dict[str, Any]]) -> str:
    return "; ".join(
        ", ".join(filter(None, (f"{explain(one['reason'])} ({one['reason']})", one.get("details"))))
        for one in decisions
    )
