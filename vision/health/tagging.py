"""Checks of tagging: how long posts have waited, what was given up, and whether the tagger answers."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from events.health import Finding, failed, ok, skipped, warning
from events.models import OPEN_STATES, Delivery, DeliveryState
from vision import providers
from vision.health.gigachat import REMEDY
from vision.limits import circuit_breaker
from vision.models import ProviderHealth, TagRule
from vision.reasons import in_english
from vision.tagging import again
from vision.tagging.asked import ask
from vision.tagging.port import PROVIDER

SUBSCRIBERS: Final = ("vision.tag", "vision.retag")
OLD: Final = timedelta(minutes=30)
"""Posts that wait longer are worth knowing of: an import of ten thousand takes less than one."""
LATELY: Final = timedelta(hours=24)


def figures() -> dict[str, Any]:
    """What the task says besides: seconds for which the oldest has been due, rules at work."""
    oldest = _oldest()
    rules = TagRule.objects.filter(apply_wanted_at__isnull=False).count()
    return {
        "oldest_seconds": round((timezone.now() - oldest).total_seconds()) if oldest else 0,
        "rules_being_applied": rules,
        "tagger": settings.VISION.tagger,
        "in_progress_is_high": bool(oldest and timezone.now() - oldest > OLD),
    }


def state() -> Iterator[Finding | str]:
    """The age of the queue, what was given up, and how often the local tagger stood in."""
    yield "queue"
    yield _queue()
    yield "given up"
    yield _given_up()
    yield "tagger"
    yield from _tagger()


def reachable() -> Iterator[Finding | str]:
    """Whether the account has the tagger's model, without a call that costs tokens."""
    if not ask.is_on_somewhere():
        yield skipped("TAGGER=local, and no tenant has chosen another: nobody is asked")
        return
    provider = providers.get_gigachat()
    if provider is None:
        yield failed(
            "gigachat is to tag, and GigaChat is not configured", "set GIGACHAT_CREDENTIALS"
        )
        return
    name, listed = ask.model_name(), provider.models(now=timezone.now())
    if name in listed:
        yield ok(f"{name} is listed")
    else:
        shown = ", ".join(sorted(listed)) or "none"
        yield failed(f"{name} is not among the account's models: {shown}", "set TAGGING_MODEL")


def _queue() -> Finding:
    oldest = _oldest()
    if oldest is None:
        return ok("nothing waits")
    age = timezone.now() - oldest
    said = f"the oldest has waited for {round(age.total_seconds())} s"
    if age > OLD:
        return warning(said, "look at `manage.py events stats`; start more workers of `tagging`")
    return ok(said)


def _given_up() -> Finding:
    dead = _deliveries().filter(state=DeliveryState.DEAD)
    count = dead.values("pk")[:1000].count()
    if not count:
        return ok("nothing")
    last = dead.order_by("-pk").first()
    code = last.error_code if last else ""
    return warning(f"{count}, the last: {code}", "correct it, then replay them in the console")


def _tagger() -> Iterator[Finding]:
    if not ask.is_on_somewhere():
        yield ok("local: this machine's, costs nothing")
        return
    if not settings.GIGACHAT.configured:
        yield warning(
            "GigaChat is not configured: the local tagger tags", "set GIGACHAT_CREDENTIALS"
        )
        return
    now = timezone.now()
    found = circuit_breaker.state(ProviderHealth.objects.filter(pk=PROVIDER).first(), now=now)
    stood_in = _stood_in(now)
    if found in {"open", "paused"}:
        yield warning(f"GigaChat is {found}: the local tagger stands in", REMEDY)
    elif stood_in:
        told = ", ".join(f"{in_english(reason)}: {count}" for reason, count in stood_in.items())
        remedy = "once that is over, `manage.py retag --stood-in --yes`"
        yield warning(f"the local tagger stood in for GigaChat within 24 h: {told}", remedy)
    else:
        yield ok(f"{ask.model_name()} tags")


def _stood_in(now: datetime) -> dict[str, int]:
    """Posts that the local tagger has tagged lately in place of the other, by reason."""
    rows = again.stood_in().filter(updated_at__gt=now - LATELY)
    found = rows.values_list("data__metadata__reason").annotate(count=Count("pk"))
    return {str(reason): count for reason, count in found.order_by("-count")[:5]}


def _oldest() -> datetime | None:
    """Since when the first of what is to be tagged has been due, by the index of what is due."""
    waiting = Delivery.objects.filter(state__in=OPEN_STATES, due_at__lte=timezone.now())
    due = [
        waiting.filter(subscriber=name, backfill=backfill).order_by("due_at", "id")
        for name in SUBSCRIBERS
        for backfill in (False, True)
    ]
    found = [row.due_at for rows in due if (row := rows.first())]
    return min(found, default=None)


def _deliveries() -> Any:
    return Delivery.objects.filter(subscriber__in=SUBSCRIBERS).order_by()
