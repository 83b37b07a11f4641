"""Record what people do to events; their room knows nothing of accounts and tells by a signal."""

from typing import Any
from uuid import UUID

from accounts.audit.rows import record
from accounts.models import Tenant
from events.acted import acted


def listen() -> None:
    acted.connect(_record, dispatch_uid="audit")


def _record(*, event: str, tenant_id: str, target: Any, before: Any, after: Any, **_: Any) -> None:
    record(event, tenant=_tenant(tenant_id), target=target, before=before, after=after)


def _tenant(text: str) -> Tenant | None:
    """Events name their tenant as text, which need not be an id."""
    try:
        return Tenant.objects.filter(pk=UUID(text)).first()
    except ValueError:
        return None
