"""What a check found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """Outcomes of one step of a check, the worst last."""

    SKIPPED = "skipped"
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


_ORDER = list(Status)


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One step of a check: what was found, and in one line what to do about it.

    `facts` are figures for programs, of a check that has some.
    """

    status: Status
    detail: str
    remedy: str = ""
    step: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


def ok(detail: str, *, step: str = "") -> Finding:
    return Finding(Status.OK, detail, step=step)


def warning(detail: str, remedy: str, *, step: str = "") -> Finding:
    """Something that works, and that an operator should know."""
    return Finding(Status.WARNING, detail, remedy, step)


def failed(detail: str, remedy: str, *, step: str = "") -> Finding:
    return Finding(Status.FAILED, detail, remedy, step)


def skipped(detail: str, *, step: str = "") -> Finding:
    """Nothing to check here, such as S3 where files are used."""
    return Finding(Status.SKIPPED, detail, step=step)


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of them; SKIPPED if there are none."""
    return max(statuses, key=_ORDER.index, default=Status.SKIPPED)
