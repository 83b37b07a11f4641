"""What a scope allows, in the words of `accounts.access`."""

from typing import Final

from accounts.access import Action, Restriction
from accounts.models import ApiToken, Scope

ALLOWED: Final = {
    Scope.READ: Action.VIEW,
    Scope.OPERATE: Action.OPERATE,
    Scope.ADMINISTER: Action.ADMINISTER,
}


def restriction_of(token: ApiToken) -> Restriction:
    """Return the most that a request with this token may do."""
    return Restriction(action=ALLOWED[Scope(token.scope)], tenant_id=token.tenant_id)
