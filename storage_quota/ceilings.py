"""The limits that apply to a tenant's objects of one content type."""

from django.conf import settings

from accounts.models import Tenant
from storage_quota import tenant_settings
from storage_quota.limits import QuotaCeilings


def ceilings(tenant: Tenant, content_type: str) -> QuotaCeilings:
    """The limits of bucket, tenant and type; a tenant's own limit replaces the common one."""
    limits = settings.LIMITS
    own = tenant.limit_bytes
    return QuotaCeilings(
        bucket=limits.total_bytes,
        tenant=limits.tenant_bytes if own is None else own,
        type=limits.by_type[content_type],
        own_type=tenant_settings.limits(tenant).of(content_type),
        tenant_is_own=own is not None,
    )
