"""
Freeing space, least valuable objects first: `plan` chooses, `execute` deletes, `run` does both.

This room knows no room above it. A room that keeps rows about objects registers here how the
candidates of its content type are chosen (`register`), or what to do with its links to objects
that are evicted (`on_eviction`).
"""

from storage_quota.cleanup.candidates import Candidate, CleanupPlan, CleanupResult, Step, StepTotal
from storage_quota.cleanup.evictors import ByAge, Evictor, drop_links, on_eviction, register
from storage_quota.cleanup.execution import TIME_IS_UP, Progress, execute
from storage_quota.cleanup.planning import (
    EMERGENCY,
    PLAN_CANDIDATES,
    CleanupRule,
    plan,
    plan_overdue,
)
from storage_quota.cleanup.runner import (
    FREED,
    KEPT,
    PATIENCE,
    RUNS_ALREADY,
    SWEEP,
    CleanupRunning,
    clean_up_in_background,
    make_room,
    ring,
    ring_if_due,
    run,
    run_overdue,
    survey_server,
)

__all__ = [
    "EMERGENCY",
    "FREED",
    "KEPT",
    "PATIENCE",
    "PLAN_CANDIDATES",
    "RUNS_ALREADY",
    "SWEEP",
    "TIME_IS_UP",
    "ByAge",
    "Candidate",
    "CleanupPlan",
    "CleanupResult",
    "CleanupRule",
    "CleanupRunning",
    "Evictor",
    "Progress",
    "Step",
    "StepTotal",
    "clean_up_in_background",
    "drop_links",
    "execute",
    "make_room",
    "on_eviction",
    "plan",
    "plan_overdue",
    "register",
    "ring",
    "ring_if_due",
    "run",
    "run_overdue",
    "survey_server",
]
