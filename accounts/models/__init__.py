"""Users, tenants, and which user may do what to which tenant's archive."""

from accounts.models.membership import Membership, Role
from accounts.models.tenant import Tenant
from accounts.models.user import TIME_ZONE_MAX_LENGTH, User

__all__ = ["TIME_ZONE_MAX_LENGTH", "Membership", "Role", "Tenant", "User"]
