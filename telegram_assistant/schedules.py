"""The table of periodic jobs. `install` writes it to django-q2's schedules after each migration."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils import timezone


@dataclass(frozen=True, slots=True)
class Job:
    """A function that runs every `minutes`; `func` is a dotted name that django-q2 resolves."""

    name: str
    func: str
    minutes: int


JOBS = (
    Job("events.prune", "events.tasks.prune", minutes=24 * 60),
    Job("accounts.clear_sessions", "accounts.tasks.clear_sessions", minutes=24 * 60),
    Job("accounts.prune_tokens", "accounts.tasks.prune_tokens", minutes=24 * 60),
    Job("accounts.prune_rate_limits", "accounts.tasks.prune_rate_limits", minutes=60),
    Job("accounts.prune_audit", "accounts.tasks.prune_audit", minutes=24 * 60),
    Job("storage_quota.release_expired", "storage_quota.tasks.release_expired", minutes=5),
    Job(
        "storage_quota.emergency_cleanup",
        "storage_quota.tasks.emergency_cleanup",
        minutes=int(settings.CLEANUP.check_every.total_seconds() // 60),
    ),
    Job("storage_quota.sweep_lifecycle", "storage_quota.tasks.sweep_lifecycle", minutes=24 * 60),
    Job("storage_quota.verify_storage", "storage_quota.tasks.verify_storage", minutes=60),
    Job("media.read_channels", "media.tasks.read_channels", minutes=5),
    Job("media.read_counts", "media.tasks.read_counts", minutes=5),
    Job("vision.retry_backlog", "vision.tasks.retry_backlog", minutes=1),
    Job("vision.apply_rules", "vision.tasks.apply_rules", minutes=1),
    Job("albums.assemble_overdue", "albums.tasks.assemble_overdue", minutes=1),
    Job("crawl.request_due", "crawl.tasks.request_due", minutes=1),
    Job("crawl.forget_robots", "crawl.tasks.forget_robots", minutes=24 * 60),
    Job("graph.note", "graph.tasks.note", minutes=1),
    Job("search.forget_deleted", "search.tasks.forget_deleted", minutes=1),
    Job("search.verify_projections", "search.tasks.verify_projections", minutes=24 * 60),
    Job("search.embed_waiting", "search.tasks.embed_waiting", minutes=1),
)


OURS = r"^(accounts|events|storage_quota|media|vision|albums|crawl|search|graph)\."
"""Pattern of the names of jobs of this or an earlier release."""


def install(**_: Any) -> None:
    """
    Make the schedules of this product equal to JOBS; those that people added are left alone.

    A job that is put off for longer than its period runs now: a clock was ahead when it ran last.
    """
    now = timezone.now()
    schedule = apps.get_model("django_q", "Schedule")
    for job in JOBS:
        schedule.objects.update_or_create(
            name=job.name,
            defaults={"func": job.func, "schedule_type": "I", "minutes": job.minutes},
        )
        late = schedule.objects.filter(name=job.name, schedule_type="I")
        late.filter(next_run__gt=now + timedelta(minutes=job.minutes)).update(next_run=now)
    ours = schedule.objects.filter(name__regex=OURS)
    ours.exclude(name__in=[job.name for job in JOBS]).delete()
