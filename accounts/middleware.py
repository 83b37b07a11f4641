"""The language and the time zone of whoever is signed in."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from accounts.models import User


class PreferencesMiddleware:
    """
    Show pages in the user's own language and time zone.

    Stands below AuthenticationMiddleware. What a user left empty stays as the browser and the
    installation have it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if not isinstance(user, User):
            return self.get_response(request)
        if user.language:
            # Not given back: LocaleMiddleware chooses anew at each request, and names the
            # language of the answer after us.
            translation.activate(user.language)
        with timezone.override(ZoneInfo(user.time_zone) if user.time_zone else None):
            return self.get_response(request)
