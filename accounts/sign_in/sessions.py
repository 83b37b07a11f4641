"""Sessions: who is signed in, in which browser and from where; and ending them."""

import time
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import access
from accounts.access import Action
from accounts.client_address import client_address
from accounts.models import BrowserSession, Membership, User
from accounts.sign_in import journal

SEEN_EVERY: Final = timedelta(minutes=1)
_REMEMBERED: Final = 10_000


class _Lately:
    """Keys that this process has seen in the last minute: their rows need no update yet."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, float] = OrderedDict()

    def is_new(self, key: str) -> bool:
        now = time.monotonic()
        if now - self._seen.get(key, -1e9) < SEEN_EVERY.total_seconds():
            return False
        self._seen[key] = now
        self._seen.move_to_end(key)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True


lately = _Lately()


def note_use(request: HttpRequest, *, now: datetime) -> None:
    """Write down once a minute that the session of `request` is used, and from where."""
    key = request.session.session_key
    if not key or not lately.is_new(key):
        return
    seen = {"last_seen_at": now, "ip": client_address(request) or "0.0.0.0"}  # noqa: S104
    if not UserSession.objects.filter(session_key=key, user=request.user.pk).update(**seen):
        UserSession.objects.create_from_request(request)


def alive(*, now: datetime) -> QuerySet[BrowserSession]:
    """Select the sessions that still sign somebody in."""
    stored = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=now)
    sessions: QuerySet[BrowserSession] = BrowserSession.objects.filter(Exists(stored))
    return sessions


def visible_to(user: AbstractBaseUser | AnonymousUser) -> QuerySet[BrowserSession]:
    """
    Select the sessions that `user` may see and end.

    Of everybody, for a superuser; for an administrator, of those who are no superusers and
    members of tenants only that he administers: whoever names somebody a member of his own must
    not be able to sign him out of all others.
    """
    sessions = access.visible(alive(now=timezone.now()), user, Action.ADMINISTER)
    if getattr(user, "is_superuser", False):
        return sessions
    administered = access.tenants_of(user, Action.ADMINISTER).values("pk")
    elsewhere = Membership.objects.exclude(tenant__in=administered).values("user")
    others = sessions.filter(user__is_superuser=False).exclude(user__in=elsewhere)
    return others | sessions.filter(user=user.pk)


def of(user: AbstractBaseUser | AnonymousUser) -> QuerySet[BrowserSession]:
    """Select the sessions of `user` itself, the newest use first."""
    return alive(now=timezone.now()).filter(user_id=user.pk).order_by("-last_seen_at", "-pk")


def end(request: HttpRequest, session: BrowserSession) -> None:
    """End a session: its next request is one of somebody who has not signed in."""
    session.end()
    journal.changed(
        request, session.user, "session.ended", browser=session.user_agent, address=session.ip
    )


def end_all_of(user: User, *, but: str | None = None) -> int:
    """Delete all sessions of `user` except the one with the key `but`; returns how many."""
    rows = UserSession.objects.filter(user=user).exclude(session_key=but or "")
    keys = list(rows.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    rows.delete()
    return len(keys)


def forget_ended(*, now: datetime) -> int:
    """Delete what is kept of sessions that have ended or expired; returns how many rows."""
    gone: tuple[int, Any] = UserSession.objects.exclude(pk__in=alive(now=now).values("pk")).delete()
    return gone[0]
