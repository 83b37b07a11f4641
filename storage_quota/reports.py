"""How full the bucket is, and how full a tenant: what the API, commands and pages say of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from accounts.models import Tenant
from storage_quota import selectors
from storage_quota.selectors import StorageUsage


@dataclass(frozen=True, slots=True)
class Fill:
    """Stored bytes against a limit; promises stand beside, since they may come to nothing."""

    used_bytes: int
    reserved_bytes: int
    limit_bytes: int
    by_type: Mapping[str, int]
    last_updated: datetime | None

    @property
    def usage_percent(self) -> float:
        """Of a limit of nothing everything is taken."""
        return 100 * self.used_bytes / self.limit_bytes if self.limit_bytes else 100.0


def bucket() -> Fill:
    return _fill(selectors.bucket_usage(), settings.LIMITS.total_bytes)


def of_tenant(tenant: Tenant) -> Fill:
    own = tenant.limit_bytes
    limit_bytes = settings.LIMITS.tenant_bytes if own is None else own
    return _fill(selectors.tenant_usage(tenant_id=tenant.pk), limit_bytes)


def _fill(usage: StorageUsage, limit_bytes: int) -> Fill:
    return Fill(
        used_bytes=usage.total_bytes,
        reserved_bytes=usage.reserved_bytes,
        limit_bytes=limit_bytes,
        by_type={kind: of_type.total_bytes for kind, of_type in usage.by_type.items()},
        last_updated=usage.last_updated,
    )
