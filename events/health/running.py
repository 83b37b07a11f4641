"""
Run checks side by side, each for a limited time.

A check that hangs cannot be ended, only left alone: its thread is a daemon, and while it hangs no
second one is started. So whoever asks often, or asks about a server that hangs, costs one thread
and one connection, and is answered at once.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from events.errors import DomainError, RetryLater
from events.health.findings import Finding, Status, failed, skipped, worst
from events.health.registry import Check
from events.sentences import Sentence, gettext_noop

logger = logging.getLogger(__name__)
_LONGEST: Final = 300
"""Characters of an error's message that are shown."""
_LATE: Final = Sentence(gettext_noop("no answer within %(seconds)s s"))
_NOT_CHECKED: Final = Sentence(gettext_noop("not checked: needs %(what)s"))


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found, and in how many seconds."""

    check: Check
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def status(self) -> Status:
        return worst(finding.status for finding in self.findings)


class _Run(threading.Thread):
    def __init__(self, check: Check) -> None:
        super().__init__(name=f"check {check.name}", daemon=True)
        self.check = check
        self.started_at = time.monotonic()
        self.ended_at: float | None = None
        self._findings: list[Finding] = []
        self._step = ""

    def run(self) -> None:
        try:
            for found in self.check.probe():
                self._note(found)
        except Exception as error:  # noqa: BLE001 - not hidden: it is what the check has found
            logger.debug("check %s %s: %s", self.check.name, self._step, type(error).__name__)
            self._note(failed(_one_line(error), self.check.remedy))
        finally:
            self.ended_at = time.monotonic()
            connections.close_all()  # Django closes only those of its own threads

    def result(self) -> Result:
        """Wait until the check has ended or its time is up, counted from its start."""
        limit = self.check.seconds
        # At least a moment, so that whoever joins a check in its last moment sees its end.
        self.join(max(0.01, self.started_at + limit - time.monotonic()))
        found, ended_at = tuple(self._findings), self.ended_at
        if ended_at is not None:
            return Result(self.check, tuple(self._findings), ended_at - self.started_at)
        late = failed(_LATE % {"seconds": f"{limit:g}"}, self.check.remedy, step=self._step)
        return Result(self.check, (*found, late), time.monotonic() - self.started_at)

    def _note(self, found: Finding | str) -> None:
        if isinstance(found, str):
            self._step = found
        else:
            self._findings.append(replace(found, step=found.step or self._step))


_runs: dict[str, _Run] = {}
_guard = threading.Lock()


def run(checks: Sequence[Check], *, max_age: float = 0.0) -> list[Result]:
    """
    Run the checks side by side; returns what was found within each one's time limit.

    A result of this process that is at most `max_age` seconds old is used again.
    """
    runs = [_started(check, max_age=max_age) for check in checks]
    return [one.result() for one in runs]


def causes_only(results: Sequence[Result]) -> list[Result]:
    """The results, but a failure that only follows from another one is no failure of its own."""
    broken = {
        one.check.name: one.findings[-1].step or one.check.name
        for one in results
        if one.status is Status.FAILED
    }
    return [_without_consequence(one, broken) for one in results]


def _without_consequence(one: Result, broken: Mapping[str, str]) -> Result:
    if one.status is not Status.FAILED or one.check.needs not in broken:
        return one
    not_checked = _NOT_CHECKED % {"what": broken[one.check.needs]}
    return replace(one, findings=(skipped(not_checked),))


def _started(check: Check, *, max_age: float) -> _Run:
    with _guard:
        last = _runs.get(check.name)
        if last is not None and last.check is check and _is_usable(last, max_age):
            return last
        _runs[check.name] = new = _Run(check)
        new.start()
        return new


def _is_usable(last: _Run, max_age: float) -> bool:
    """Whether the run is still going on, or ended a short while ago."""
    return last.ended_at is None or time.monotonic() - last.ended_at < max_age


def _one_line(error: Exception) -> str:
    """The first line of the message; of an error that is none of ours, its type as well."""
    text, name = str(error).strip().partition("\n")[0][:_LONGEST], type(error).__name__
    if text and isinstance(error, (DomainError, RetryLater, ImproperlyConfigured)):
        return text
    return f"{name}: {text}" if text else name
