"""The registry of checks. It knows no room: rooms register theirs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum

from events import rooms
from events.health.findings import Finding

Probe = Callable[[], Iterable[Finding | str]]
"""
Yields the name of each step when the step begins, and its finding when it is done. What a probe
raises is the finding of the step it is in. A probe of a single step needs no name.
"""


class Scope(IntEnum):
    """Where a check is run; a wider scope contains the narrower ones."""

    READY = 1
    """Without this the web process can answer nobody. Cheap: load balancers ask often."""
    DETAILED = 2
    """The state of the installation as `/health/detailed` shows it; still cheap."""
    DOCTOR = 3
    """`manage.py doctor`: reaches out to everything that is configured, and costs nothing."""
    PAID = 4
    """`manage.py doctor --pay`: costs tokens."""


@dataclass(frozen=True, slots=True)
class Check:
    """
    A check with its time limit in seconds.

    `remedy` is what to do where it takes longer or breaks. `is_task`: it describes one of the
    workers' tasks, and its findings carry the facts of `/health/detailed`. `needs` names the check
    without which this one can find nothing else than that.
    """

    name: str
    probe: Probe
    scope: Scope
    seconds: float
    remedy: str
    is_task: bool = False
    needs: str = ""


_checks: dict[str, Check] = {}


def register(
    name: str,
    probe: Probe,
    *,
    scope: Scope,
    remedy: str,
    seconds: float = 5.0,
    is_task: bool = False,
    needs: str = "",
) -> None:
    """Register a check; a second one of the same name replaces the first."""
    _checks[name] = Check(name, probe, scope, seconds, remedy, is_task, needs)


def registered(scope: Scope) -> list[Check]:
    """Return the checks up to this scope, the cheapest scope first."""
    rooms.connect_all()
    chosen = [check for check in _checks.values() if check.scope <= scope]
    return sorted(chosen, key=lambda check: check.scope)
