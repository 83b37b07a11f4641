"""
On whose behalf a command works.

Who has a shell on the server may do everything, so a command asks nobody. With `--as USER` it may
do what that user may, so that an operator's scripts can be given no more than the operator has.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

from django.db.models import Model, QuerySet

from accounts.access import Action, may, may_everywhere, visible
from accounts.models import Tenant, User
from events.errors import DomainError
from events.sentences import Sentence, gettext_noop

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Acting:
    """The user of `--as`, and what the command does to the tenants that it touches."""

    user: User
    action: Action


_ACTING: ContextVar[Acting | None] = ContextVar("acting", default=None)

_NOT_ALL: Final = Sentence(
    gettext_noop(
        "%(user)s may not %(action)s every tenant; roles are given in the console under Memberships"
    )
)
_NOT_THIS: Final = Sentence(
    gettext_noop(
        "%(user)s may not %(action)s the tenant %(tenant)s; roles are given in the console under"
        " Memberships"
    )
)


class NotAllowed(DomainError):
    code: ClassVar[str] = "not_allowed"
    http_status: ClassVar[int] = 403

    def __init__(self, acting: Acting, tenant: Tenant | None) -> None:
        """`tenant`: the one that was asked for, None for all of them."""
        sentence, user = (_NOT_ALL if tenant is None else _NOT_THIS), acting.user.get_username()
        figures = {"user": user, "action": acting.action.value, "tenant": tenant}
        super().__init__(sentence % figures)


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
        raise NotAllowed(Acting(now.user, action or now.action), None)


def require(tenant: Tenant, action: Action | None = None) -> None:
    """Raise NotAllowed unless the user of `--as` has the right to this tenant."""
    now = _ACTING.get()
    if now and not may(now.user, action or now.action, tenant):
        raise NotAllowed(Acting(now.user, action or now.action), tenant)


def require_still(tenant: Tenant) -> None:
    """Raise NotAllowed where the user of `--as` has lost the right since the command began."""
    now = _ACTING.get()
    if now is None:
        return
    # Another object: what a user may do is kept on it.
    user = User.objects.filter(pk=now.user.pk).first()
    if user is None or not may(user, now.action, tenant):
        raise NotAllowed(now, tenant)
