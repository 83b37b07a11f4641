"""Find a tenant by name or id; what people have set of one, as it is now."""

import copy
import json
from typing import Any, ClassVar, Final
from uuid import UUID

from django.conf import settings

from accounts import acting
from accounts.models import Tenant
from events.errors import DomainError
from events.postgresql.one_trip import Rows, Statement
from events.sentences import Sentence, gettext_noop

NONE_YET: Final = gettext_noop("none yet")
_UNKNOWN: Final = Sentence(
    gettext_noop(
        "There is no tenant %(name)s (there are: %(names)s); tenants are added in the console"
    )
)


class TenantUnknown(DomainError):
    code: ClassVar[str] = "tenant_unknown"
    http_status: ClassVar[int] = 404

    def __init__(self, name_or_id: str) -> None:
        names = acting.seen(Tenant.objects.order_by("name")).values_list("name", flat=True)[:20]
        there = ", ".join(names) or NONE_YET
        super().__init__(_UNKNOWN % {"name": repr(name_or_id), "names": there})
        self.name_or_id = name_or_id

    def context(self) -> dict[str, Any]:
        return {"tenant": self.name_or_id}


def default_tenant() -> Tenant:
    """Return the tenant of an installation that has only one; creates it at the first use."""
    tenant, _ = Tenant.objects.get_or_create(
        pk=settings.S3.default_tenant_id, defaults={"name": "default"}
    )
    return tenant


def find_tenant(name_or_id: str | None = None) -> Tenant:
    """
    Find a tenant by name or id, or return the default tenant.

    Raises TenantUnknown, also for one of which the user of `--as` may not know, and NotAllowed
    for one to which that user may not do what the command does.
    """
    tenant = _named(name_or_id) if name_or_id else default_tenant()
    if tenant is None or not acting.seen(Tenant.objects.filter(pk=tenant.pk)).exists():
        raise TenantUnknown(name_or_id or "default")
    acting.require(tenant)
    return tenant


def to_read(tenant: Tenant) -> Statement:
    """The statement that reads the limits and settings of a tenant, for `as_read`."""
    sql = "SELECT limit_bytes, settings::text FROM accounts_tenant WHERE id = %s"
    return sql, [tenant.pk]


def as_read(tenant: Tenant, rows: Rows) -> Tenant:
    """
    Copy the tenant with the limits and settings that were read.

    Whoever decides by them asks anew: an import holds its tenant for hours, and a limit that a
    person lowers meanwhile holds at once.
    """
    current = copy.copy(tenant)
    for limit_bytes, settings_text in rows:
        current.limit_bytes, current.settings = limit_bytes, json.loads(settings_text)
    return current


def _named(name_or_id: str) -> Tenant | None:
    return Tenant.objects.filter(name=name_or_id).first() or _by_id(name_or_id)


def _by_id(text: str) -> Tenant | None:
    try:
        return Tenant.objects.filter(pk=UUID(text)).first()
    except ValueError:
        return None
