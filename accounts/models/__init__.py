"""Users, tenants, which user may do what to which tenant's archive, and who did what."""

from accounts.models.audit_entry import ActorKind, AuditEntry
from accounts.models.membership import Membership
from accounts.models.sign_in_limit import SignInLimit
from accounts.models.tenant import Tenant
from accounts.models.user import TIME_ZONE_MAX_LENGTH, User

__all__ = [
    "TIME_ZONE_MAX_LENGTH",
    "ActorKind",
    "AuditEntry",
    "Membership",
    "SignInLimit",
    "Tenant",
    "User",
]
