"""Users, tenants, which user may do what to which tenant's archive, and who did what."""

from accounts.models.api_token import ApiToken, Scope, TokenState
from accounts.models.audit_entry import ActorKind, AuditEntry, relation_changed, row_changed
from accounts.models.known_settings import KnownSettings
from accounts.models.membership import Membership, Role
from accounts.models.rate_limit import RateLimit
from accounts.models.session import UNKNOWN_ADDRESS, BrowserSession
from accounts.models.sign_in_limit import SignInLimit
from accounts.models.tenant import Tenant
from accounts.models.user import TIME_ZONE_MAX_LENGTH, User

__all__ = [
    "TIME_ZONE_MAX_LENGTH",
    "UNKNOWN_ADDRESS",
    "ActorKind",
    "ApiToken",
    "AuditEntry",
    "BrowserSession",
    "KnownSettings",
    "Membership",
    "RateLimit",
    "Role",
    "Scope",
    "SignInLimit",
    "Tenant",
    "TokenState",
    "User",
    "relation_changed",
    "row_changed",
]
