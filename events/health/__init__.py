"""
The one mechanism behind `/health` and `manage.py doctor`: checks, which rooms register.

A check is registered in `Room.connect()` with the widest scope it belongs to; `running` runs
any number of them side by side, each for a limited time.
"""

from events.health.findings import Finding, Status, failed, ok, skipped, warning, worst
from events.health.registry import Check, Scope, register, registered
from events.health.running import Result, causes_only, run

__all__ = [
    "Check",
    "Finding",
    "Result",
    "Scope",
    "Status",
    "causes_only",
    "failed",
    "ok",
    "register",
    "registered",
    "run",
    "skipped",
    "warning",
    "worst",
]
