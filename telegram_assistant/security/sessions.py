"""A session gets a new key when somebody confirms who he is; Django does it at signing in only."""

from typing import Any

from allauth.account.signals import authentication_step_completed
from allauth.usersessions.models import UserSession
from django.http import HttpRequest


def renew(request: HttpRequest, *, reauthenticated: bool = False, **_: Any) -> None:
    """Give this session another key, and delete the old one; what it holds stays."""
    if not reauthenticated:
        return
    before = request.session.session_key
    request.session.cycle_key()
    UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)


def connect() -> None:
    authentication_step_completed.connect(
        renew, dispatch_uid="telegram_assistant.security.sessions"
    )
