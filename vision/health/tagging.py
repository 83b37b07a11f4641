"""Checks of tagging: how long posts have waited, what was given up, and whether the tagger answers."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from events.health import Finding, failed, ok, skipped, warning
from events.models import OPEN_STATES, Delivery, DeliveryState
from events.sentences import Sentence
from events.sentences import gettext_noop as _
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
_LISTED: Final = Sentence(_("%(model)s is listed"))
_NOT_LISTED: Final = Sentence(_("%(model)s is not among the account's models: %(listed)s"))
_WAITED: Final = Sentence(_("the oldest has waited for %(seconds)s s"))
_GIVEN_UP: Final = Sentence(_("%(count)s, the last: %(code)s"))
_STANDS_IN: Final = Sentence(_("GigaChat is %(state)s: the local tagger stands in"))
_STOOD_IN: Final = Sentence(_("the local tagger stood in for GigaChat within 24 h: %(reasons)s"))
_TAGS: Final = Sentence(_("%(model)s tags"))


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
        yield skipped(_("TAGGER=local, and no tenant has chosen another: nobody is asked"))
        return
    provider = providers.get_gigachat()
    if provider is None:
        yield failed(
            _("gigachat is to tag, and GigaChat is not configured"),
            _("set GIGACHAT_CREDENTIALS"),
        )
        return
    name, listed = ask.model_name(), provider.models(now=timezone.now())
    if name in listed:
        yield ok(_LISTED % {"model": name})
    else:
        shown = ", ".join(sorted(listed)) or "none"
        told = _NOT_LISTED % {"model": name, "listed": shown}
        yield failed(told, _("set TAGGING_MODEL"))


def _queue() -> Finding:
    oldest = _oldest()
    if oldest is None:
        return ok(_("nothing waits"))
    age = timezone.now() - oldest
    said = _WAITED % {"seconds": round(age.total_seconds())}
    if age > OLD:
        remedy = _("look at `manage.py events stats`; start more workers of `tagging`")
        return warning(said, remedy)
    return ok(said)


def _given_up() -> Finding:
    dead = _deliveries().filter(state=DeliveryState.DEAD)
    count = dead.values("pk")[:1000].count()
    if not count:
        return ok(_("nothing"))
    last = dead.order_by("-pk").first()
    code = last.error_code if last else ""
    told = _GIVEN_UP % {"count": count, "code": code}
    return warning(told, _("correct it, then replay them in the console"))


def _tagger() -> Iterator[Finding]:
    if not ask.is_on_somewhere():
        yield ok(_("local: this machine's, costs nothing"))
        return
    if not settings.GIGACHAT.configured:
        yield warning(
            _("GigaChat is not configured: the local tagger tags"),
            _("set GIGACHAT_CREDENTIALS"),
        )
        return
    now = timezone.now()
    found = circuit_breaker.state(ProviderHealth.objects.filter(pk=PROVIDER).first(), now=now)
    stood_in = _stood_in(now)
    if found in {"open", "paused"}:
        yield warning(_STANDS_IN % {"state": found}, REMEDY)
    elif stood_in:
        told = ", ".join(f"{in_english(reason)}: {count}" for reason, count in stood_in.items())
        remedy = _("once that is over, `manage.py retag --stood-in --yes`")
        yield warning(_STOOD_IN % {"reasons": told}, remedy)
    else:
        yield ok(_TAGS % {"model": ask.model_name()})


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
