"""
On whose behalf a command works.

Who has a shell on the server may do everything, so a command asks nobody. With `--as USER` it may
do what that user may, so that an operator's scripts can be given no more than the operator has.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from django.db.models import Model, QuerySet

from accounts.access import Action, may, may_everywhere, visible
from accounts.models import Tenant, User
from events.errors import DomainError

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Acting:
    """The user of `--as`, and what the command does to the tenants that it touches."""

    user: User
    action: Action


_ACTING: ContextVar[Acting | None] = ContextVar("acting", default=None)


class NotAllowed(DomainError):
    code: ClassVar[str] = "not_allowed"
    http_status: ClassVar[int] = 403

    def __init__(self, acting: Acting, what: str) -> None:
        super().__init__(
            f"{acting.user.get_username()} may not {acting.action} {what}; roles are given in the"
            " console under Memberships"
        )


@contextmanager
def acting(user: User, action: Action) -> Iterator[None]:
    """Let everything within be asked on behalf of `user`."""
    token = _ACTING.set(Acting(user, action))
    try:
        yield
    finally:
        _ACTING.reset(token)


def acting_user() -> User | None:
    """Return the user of `--as`; None where the command works for the installation."""
    now = _ACTING.get()
    return now.user if now else None


def seen(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Select the rows that the user of `--as` may see; all of them without one."""
    user = acting_user()
    return visible(rows, user) if user else rows


def require_everywhere(action: Action | None = None) -> None:
    """Raise NotAllowed unless the user of `--as` has the right in every tenant."""
    now = _ACTING.get()
    if now and not may_everywhere(now.user, action or now.action):
        raise NotAllowed(Acting(now.user, action or now.action), "every tenant")


def require(tenant: Tenant, action: Action | None = None) -> None:
    """Raise NotAllowed unless the user of `--as` has the right to this tenant."""
    now = _ACTING.get()
    if now and not may(now.user, action or now.action, tenant):
        raise NotAllowed(Acting(now.user, action or now.action), f"the tenant {tenant}")


def require_still(tenant: Tenant) -> None:
    """Raise NotAllowed where the user of `--as` has lost the right since the command began."""
    now = _ACTING.get()
    if now is None:
        return
    # Another object: what a user may do is kept on it.
    user = User.objects.filter(pk=now.user.pk).first()
    if user is None or not may(user, now.action, tenant):
        raise NotAllowed(now, f"the tenant {tenant}")
