"""
Rules are applied to posts that are there: at once where they are few, else in the background.

What is left to do is what lacks the tag, so that work may be cut off anywhere and go on.
"""

import time
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts import audit
from events.postgresql.advisory_locks import in_turn
from events.queue import acknowledge, enqueue_once
from vision.models import TagRule
from vision.tagging import material
from vision.tagging.rules import rules

TASK: Final = "vision.tasks.apply_rules"
BATCH: Final = 200
MOST_SECONDS: Final = 45.0
"""Of one run; the schedule goes on with the rest within a minute."""


def apply_or_want(rule: TagRule, *, now: datetime) -> int | None:
    """Apply the rule; the number of posts, or None where it is done in the background."""
    if rules.is_long(rule):
        want(rule, now=now)
        return None
    return rules.apply(rule, now=now)


def want(rule: TagRule, *, now: datetime) -> None:
    """Have the rule applied in the background; once, however often that is wished for."""
    with transaction.atomic():
        waiting = TagRule.objects.filter(pk=rule.pk, apply_wanted_at__isnull=True)
        if waiting.update(apply_wanted_at=now, applied_posts=0):
            audit.record("tag_rule.wanted", target=rule, after=rules.told(rule))
    enqueue_once(TASK)


def work(*, now: datetime, seconds: float = MOST_SECONDS) -> int:
    """Go on with the rules that are being applied, the first first; the posts that got a tag."""
    acknowledge(TASK)
    until, count = time.monotonic() + seconds, 0
    wanted = TagRule.objects.filter(apply_wanted_at__isnull=False).order_by("apply_wanted_at", "pk")
    for pk in list(wanted.values_list("pk", flat=True)):
        while time.monotonic() < until:
            done = _batch(pk, now=now)
            count += done or 0
            if done is None:
                break
    return count


def _batch(pk: UUID, *, now: datetime) -> int | None:
    """Give the tag to some more posts; None where there are no more, or the rule is gone."""
    with transaction.atomic():
        if (rule := _wanted(pk)) is None:
            return None
        in_turn(material.lock_name(rule.tenant_id))
        # Again: whoever had the turn may have deleted it, or merged its tag into another.
        if (rule := _wanted(pk)) is None:
            return None
        done = rules.give(rule, most=BATCH, now=now)
        rows = TagRule.objects.filter(pk=pk, apply_wanted_at__isnull=False)
        if done:
            rows.update(applied_posts=F("applied_posts") + done)
            return done
        if rows.update(apply_wanted_at=None, applied_at=now):
            after = {"posts": rule.applied_posts, **rules.told(rule)}
            audit.record("tag_rule.applied", target=rule, after=after)
        return None


def _wanted(pk: UUID) -> TagRule | None:
    found = TagRule.objects.select_related("tag")
    return found.filter(pk=pk, apply_wanted_at__isnull=False).first()
