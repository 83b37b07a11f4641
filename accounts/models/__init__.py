"""Users, tenants, which user may do what to which tenant's archive, and who did what."""

from accounts.models.audit_entry import ActorKind, AuditEntry, relation_changed, row_changed
from accounts.models.known_settings import KnownSettings
from accounts.models.membership import Membership, Role
from accounts.models.session import BrowserSession
from accounts.models.sign_in_limit import SignInLimit
from accounts.models.tenant import Tenant
from accounts.models.user import TIME_ZONE_MAX_LENGTH, User

__all__ = [
    "TIME_ZONE_MAX_LENGTH",
    "ActorKind",
    "AuditEntry",
    "BrowserSession",
    "KnownSettings",
    "Membership",
    "Role",
    "SignInLimit",
    "Tenant",
    "User",
    "relation_changed",
    "row_changed",
]
