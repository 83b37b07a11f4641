"""Sessions: who is signed in, in which browser and from where; and ending them."""

import time
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import access
from accounts.access import Action
from accounts.client_address import client_address
from accounts.models import UNKNOWN_ADDRESS, BrowserSession, Membership, User
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
    """
    Write down once a minute that the session of `request` is used, and from where.

    One that was not used for too long ends instead: the request goes on as that of nobody.
    """
    key = request.session.session_key
    if not key or not lately.is_new(key):
        return
    seen = {"last_seen_at": now, "ip": client_address(request) or UNKNOWN_ADDRESS}
    mine = BrowserSession.objects.filter(session_key=key, user=request.user.pk)
    if mine.filter(_is_used(now)).update(**seen):
        return
    if idle := mine.first():
        _end_idle(request, idle)
    else:
        UserSession.objects.create_from_request(request)


def _end_idle(request: HttpRequest, session: BrowserSession) -> None:
    end(request, session)
    request.session.flush()
    request.user = AnonymousUser()


def _is_used(now: datetime) -> Q:
    """The sessions whose last use is not too long ago; all, where none ends for want of use."""
    idle: timedelta | None = settings.SIGN_IN.idle
    return Q() if idle is None else Q(last_seen_at__gt=now - idle)


def alive(*, now: datetime) -> QuerySet[BrowserSession]:
    """Select the sessions that still sign somebody in."""
    stored = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=now)
    used = BrowserSession.objects.filter(_is_used(now))
    sessions: QuerySet[BrowserSession] = used.filter(Exists(stored))
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
        request,
        session.user,
        "session.ended",
        browser=session.user_agent,
        address=session.known_address,
    )


def end_all_of(user: User, *, but: str | None = None) -> int:
    """Delete all sessions of `user` except the one with the key `but`; returns how many."""
    rows = UserSession.objects.filter(user=user).exclude(session_key=but or "")
    keys = list(rows.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    rows.delete()
    return len(keys)


def forget_ended(*, now: datetime) -> int:
    """Delete what is kept of sessions that have ended, expired or lain idle; returns how many rows."""
    ended = UserSession.objects.exclude(pk__in=alive(now=now).values("pk"))
    # The key first: a use of it would else make a new row, and the session were alive again.
    Session.objects.filter(session_key__in=ended.values("session_key")).delete()
    gone: tuple[int, Any] = ended.delete()
    return gone[0]
