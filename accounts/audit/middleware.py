"""Know during a request who makes it."""

from collections.abc import Callable

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from accounts.audit import actors
from accounts.client_address import client_address


class AuditMiddleware:
    """
    Make whoever makes the request the actor of all entries that it leads to.

    Must come after AuthenticationMiddleware. Views of the API find out about a token later, and
    then put user and token onto this same request: so it is asked when an entry is written.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        def actor() -> actors.Actor:
            user = getattr(request, "user", AnonymousUser())
            auth = getattr(request, "auth", None)
            return actors.of_credentials(user, auth, client_address(request))

        with actors.acting(actor):
            return self.get_response(request)
