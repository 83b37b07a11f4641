"""
Which models are followed: rows that people edit, whose every change is an entry.

A room names its models in its `ready`. django-auditlog compares the rows; whatever writes without
its signals (`update`, `bulk_create`, SQL) is not seen, so an action that writes like that records
itself what it did.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from auditlog.registry import auditlog
from django.db import models
from django.utils.dateparse import parse_datetime

from accounts.audit import actors, rows
from accounts.models import ActorKind, AuditEntry, relation_changed, row_changed

_EVENTS: Final = {
    AuditEntry.Action.CREATE: "row.added",
    AuditEntry.Action.UPDATE: "row.changed",
    AuditEntry.Action.DELETE: "row.deleted",
}
PEOPLE: Final = frozenset({ActorKind.USER, ActorKind.TOKEN})


@dataclass(frozen=True, slots=True)
class Followed:
    """
    `by_people`: the installation itself writes such rows as well, which is not recorded.

    `events`: fields whose change has an event of its own.
    """

    by_people: bool
    events: Mapping[str, str]


_followed: dict[type[models.Model], Followed] = {}


def follow(
    model: type[models.Model],
    *,
    leave_out: Collection[str] = (),
    hide: Collection[str] = (),
    relations: Collection[str] = (),
    by_people: bool = False,
    events: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """
    Record changes of the model's rows: not of `leave_out`, of `hide` only that there was one.

    `relations` are many-to-many fields; `events` are codes by the field whose change they tell of,
    in place of row.changed. Idempotent.
    """
    if model in _followed:
        return
    _followed[model] = Followed(by_people, events)
    auditlog.register(
        model,
        exclude_fields=list(leave_out),
        mask_fields=list(hide),
        m2m_fields=set(relations),
    )


def followed() -> frozenset[type[models.Model]]:
    return frozenset(_followed)


def _changed(
    sender: type[models.Model],
    *,
    row: models.Model,
    action: int,
    changes: Mapping[str, Any] | None,
    **_: Any,
) -> None:
    if not changes or _is_left_out(sender):
        return
    # Of added and deleted rows django-auditlog tells the managers of other rows, too.
    own = {field.name: field for field in row._meta.concrete_fields}  # noqa: SLF001 - Django's public name
    before = {name: _told(own[name], pair[0]) for name, pair in changes.items() if name in own}
    after = {name: _told(own[name], pair[1]) for name, pair in changes.items() if name in own}
    rows.record(
        _event(sender, action, after),
        target=row,
        before=None if action == AuditEntry.Action.CREATE else before,
        after=None if action == AuditEntry.Action.DELETE else after,
    )


def _told(field: models.Field[Any, Any], value: Any) -> Any:
    """The value; django-auditlog tells times in UTC, and does not say so."""
    if not isinstance(field, models.DateTimeField) or not isinstance(value, str):
        return value
    moment = parse_datetime(value)
    is_bare = moment is not None and moment.tzinfo is None
    return f"{value}+00:00" if is_bare else value


def _event(model: type[models.Model], action: int, after: Mapping[str, Any]) -> str:
    own = _followed[model].events if model in _followed else {}
    named = [code for field, code in own.items() if field in after]
    return named[0] if named and action == AuditEntry.Action.UPDATE else _EVENTS[action]


def _relation_changed(
    sender: type[models.Model],
    *,
    row: models.Model,
    field: str,
    operation: str,
    others: Iterable[models.Model],
    **_: Any,
) -> None:
    names = {field: [str(other) for other in others]}
    if not names[field] or _is_left_out(sender):
        return
    is_added = operation == "add"
    rows.record(
        "row.changed",
        target=row,
        before=None if is_added else names,
        after=names if is_added else None,
    )


def _is_left_out(model: type[models.Model]) -> bool:
    one = _followed.get(model)
    return bool(one and one.by_people and actors.current().kind not in PEOPLE)


row_changed.connect(_changed, dispatch_uid="audit")
relation_changed.connect(_relation_changed, dispatch_uid="audit")
