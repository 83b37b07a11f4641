"""Write entries."""

import logging
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, models, transaction

from accounts.audit import actors, events
from accounts.audit.values import harmless, words
from accounts.models import AuditEntry, Tenant
from events.logs import trace

_log = logging.getLogger(__name__)
Values = Mapping[str, Any]


def record(
    event: str,
    *,
    target: models.Model | None = None,
    tenant: Tenant | None = None,
    before: Values | None = None,
    after: Values | None = None,
    user: AbstractBaseUser | None = None,
) -> AuditEntry | None:
    """
    Record that somebody did something, in the transaction of the caller.

    Who and from where come from the context; `user` overrides who, at the sign-in for instance.
    `before` and `after` are small and hold no secret and no text of a post. Without `tenant` it is
    the target's. Raises EventUnknown; and DatabaseError, so that nothing happens unrecorded, except
    for refusals: there the failure is logged, and None returned.
    """
    kind = events.find(event)
    entry = AuditEntry(
        event=kind.code,
        before=harmless(before),
        after=harmless(after),
        trace_id=trace.current(),
        **_who(user),
        **_what(target),
        **_whose(tenant, target),
    )
    return _write_if_possible(entry) if kind.refusal else _write(entry)


def _write(entry: AuditEntry) -> AuditEntry:
    entry.save(force_insert=True)
    return entry


def _write_if_possible(entry: AuditEntry) -> AuditEntry | None:
    try:
        with transaction.atomic():  # a savepoint: the caller's transaction stays usable
            return _write(entry)
    except DatabaseError:
        _log.exception("audit_entry_lost", extra={"event": entry.event})
        return None


def _who(user: AbstractBaseUser | None) -> dict[str, Any]:
    actor = actors.current()
    if user is not None:
        actor = actors.of_user(user, actor.address)
    return {
        "actor_id": actor.user_id,
        "actor_kind": actor.kind,
        "actor_name": words(actor.name),
        "address": actor.address[:64],
    }


def _what(target: models.Model | None) -> dict[str, Any]:
    if target is None:
        return {}
    return {
        "object_kind": target._meta.label_lower,  # noqa: SLF001 - Django's public name for it
        "object_key": str(target.pk)[:255],
        "object_name": words(_name_of(target)),
    }


def _name_of(row: models.Model) -> str:
    """The row in words; empty where it is named after a row that is deleted with it."""
    try:
        return str(row)
    except ObjectDoesNotExist:
        return ""


def _whose(tenant: Tenant | None, target: models.Model | None) -> dict[str, Any]:
    tenant = tenant or _tenant_of(target)
    return {"tenant_id": tenant.pk, "tenant_name": words(tenant.name)} if tenant else {}


def _tenant_of(target: models.Model | None) -> Tenant | None:
    if isinstance(target, Tenant):
        return target
    try:
        tenant = getattr(target, "tenant", None)
    except ObjectDoesNotExist:
        return None
    return tenant if isinstance(tenant, Tenant) else None
