"""
Who acts now, and from where.

A request sets it (`accounts.audit.middleware`), and so does a command (`manage.py`); whatever is
left is the installation itself: workers, schedules, migrations of a start.
"""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from accounts.models import ActorKind


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts. `name` outlives the account; `address` is empty inside this machine."""

    kind: ActorKind
    name: str = ""
    user_id: int | None = None
    address: str = ""

    def on_behalf_of(self, user: AbstractBaseUser) -> Self:
        """The same actor in the name of a user, as `--as` has it."""
        return replace(self, name=f"{user.get_username()} ({self.name})", user_id=user.pk)


SYSTEM: Final = Actor(ActorKind.SYSTEM)
SERVERS: Final = frozenset({"qcluster", "worker", "task_cluster", "runserver", "migrate"})
"""Commands that only start what works by itself."""

_current: ContextVar[Actor | Callable[[], Actor] | None] = ContextVar("audit_actor", default=None)
_of_process = SYSTEM


def current() -> Actor:
    """Return who acts, as far as is known by now: a token is known only inside its view."""
    known = _current.get()
    if known is None:
        return _of_process
    return known() if callable(known) else known


@contextmanager
def acting(actor: Actor | Callable[[], Actor]) -> Iterator[None]:
    """Make `actor`, or whom it returns by then, the one of entries recorded inside the block."""
    reset = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(reset)


def process_runs(command: str) -> None:
    """Say that this whole process is a command that somebody at this machine has started."""
    global _of_process  # noqa: PLW0603 - a process runs one command
    _of_process = SYSTEM if command in SERVERS else of_command(command)


def of_user(user: AbstractBaseUser | AnonymousUser, address: str = "") -> Actor:
    """The person who is signed in, or nobody."""
    if isinstance(user, AbstractBaseUser) and user.pk is not None:
        return Actor(ActorKind.USER, user.get_username(), user.pk, address)
    return Actor(ActorKind.NOBODY, address=address)


def of_token(user: AbstractBaseUser, prefix: str, address: str = "") -> Actor:
    """The token of a user, told by its prefix, which is no secret."""
    return Actor(ActorKind.TOKEN, f"{user.get_username()} ({prefix}…)", user.pk, address)


def of_command(command: str, user: AbstractBaseUser | None = None) -> Actor:
    """Whoever runs a command: the account at the operating system, and the user of `--as`."""
    actor = Actor(ActorKind.COMMAND, f"{_account()}: {command}")
    return actor.on_behalf_of(user) if user else actor


def of_credentials(user: Any, auth: Any, address: str) -> Actor:
    """Whoever made a request, by `request.user` and, where a token proved it, `request.auth`."""
    prefix = getattr(auth, "prefix", "") or getattr(auth, "token_key", "")
    if prefix and isinstance(user, AbstractBaseUser):
        return of_token(user, str(prefix), address)
    return of_user(user, address)


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for this id
        return f"uid {os.getuid()}"
