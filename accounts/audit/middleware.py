"""Know during a request who makes it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from accounts.audit import actors
from accounts.audit.rows import record
from accounts.client_address import client_address
from accounts.models import ActorKind

KNOWN: Final = frozenset({ActorKind.USER, ActorKind.TOKEN})
"""Whose refused requests are recorded: strangers' would fill the table."""


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
            if response.status_code == HTTPStatus.FORBIDDEN and actor().kind in KNOWN:
                record("access.refused", after={"method": request.method, "path": request.path})
            return response
