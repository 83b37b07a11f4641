"""Know during a request who makes it."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from accounts.audit import actors
from accounts.audit.rows import record
from accounts.client_address import client_address
from accounts.models import ActorKind
from accounts.rate_limits import limiter
from accounts.rate_limits.rate import Rate

KNOWN: Final = frozenset({ActorKind.USER, ActorKind.TOKEN})
"""Whose refused requests are recorded: strangers' would fill the table."""
MOST: Final = Rate(60, timedelta(hours=1))
"""Refusals of one account or token that are recorded; the log has all of them."""


class AuditMiddleware:
    """
    Make whoever makes the request the actor of all entries that it leads to.

    Must come after AuthenticationMiddleware. Views of the API find out about a token later, and
    then put user and token onto this same request: so it is asked when an entry is written.

    A request of a known account or token that is answered 403 is recorded itself.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        def actor() -> actors.Actor:
            user = getattr(request, "user", AnonymousUser())
            auth = getattr(request, "auth", None)
            return actors.of_credentials(user, auth, client_address(request))

        with actors.acting(actor):
            response = self.get_response(request)
            if response.status_code == HTTPStatus.FORBIDDEN:
                _record_refusal(request, actor())
            return response


def _record_refusal(request: HttpRequest, actor: actors.Actor) -> None:
    """Record it unless it is one of many: entries stay for a month, so they must not fill a disk."""
    if actor.kind in KNOWN and limiter.take(_key(actor), MOST) is None:
        record("access.refused", after={"method": request.method, "path": request.path})


def _key(actor: actors.Actor) -> str:
    """Who is counted; names may be longer than the key."""
    return f"refused:{actor.kind}:{sha256(actor.name.encode()).hexdigest()}"
