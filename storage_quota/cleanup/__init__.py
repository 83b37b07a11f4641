"""
Freeing space, cheapest losses first: `plan` looks, `execute` deletes, `run` does both.

The cellar knows nobody above it: a room that keeps rows about objects says here how those
of its type are chosen (`register`) or what to forget about them (`on_eviction`).
"""

from storage_quota.cleanup.candidates import Freed, Plan, Step, StepFreed, Victim
from storage_quota.cleanup.evictors import ByAge, Evictor, drop_links, on_eviction, register
from storage_quota.cleanup.execution import TIME_IS_UP, Progress, execute
from storage_quota.cleanup.planning import EMERGENCY, PLAN_VICTIMS, Round, plan, plan_overdue
from storage_quota.cleanup.runner import (
    PATIENCE,
    CleanupRunning,
    clean_up_in_background,
    make_room,
    ring,
    run,
    run_overdue,
)

__all__ = [
    "EMERGENCY",
    "PATIENCE",
    "PLAN_VICTIMS",
    "TIME_IS_UP",
    "ByAge",
    "CleanupRunning",
    "Evictor",
    "Freed",
    "Plan",
    "Progress",
    "Round",
    "Step",
    "StepFreed",
    "Victim",
    "clean_up_in_background",
    "drop_links",
    "execute",
    "make_room",
    "on_eviction",
    "plan",
    "plan_overdue",
    "register",
    "ring",
    "run",
    "run_overdue",
]
