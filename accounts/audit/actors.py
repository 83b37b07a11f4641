"""Who acts now, and from where: set by the middleware, by `manage.py` and by nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from accounts.models import ActorKind


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts. `name` outlives the account; `address` is empty inside this machine."""

    kind: ActorKind
    name: str = ""
    user_id: int | None = None
    address: str = ""

    def at(self, address: str) -> Self:
        return replace(self, address=address)


SYSTEM = Actor(ActorKind.SYSTEM)
"""What the installation does by itself: workers, schedules, migrations of a start."""

_current: ContextVar[Actor] = ContextVar("audit_actor", default=SYSTEM)


def current() -> Actor:
    return _current.get()


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Make `actor` the one of all entries recorded inside the block."""
    reset = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(reset)


def of_user(user: AbstractBaseUser | AnonymousUser, address: str = "") -> Actor:
    """The person who is signed in, or nobody."""
    if isinstance(user, AbstractBaseUser) and user.pk is not None:
        return Actor(ActorKind.USER, user.get_username(), user.pk, address)
    return Actor(ActorKind.NOBODY, address=address)


def of_token(user: AbstractBaseUser, prefix: str, address: str = "") -> Actor:
    """The token of a user, told by its prefix, which is no secret."""
    return Actor(ActorKind.TOKEN, f"{user.get_username()} ({prefix}…)", user.pk, address)


def of_command(name: str, user: AbstractBaseUser | None = None) -> Actor:
    """Whoever runs a command: the account at the operating system, and the user of `--as`."""
    return Actor(ActorKind.COMMAND, name, user.pk if user else None)
