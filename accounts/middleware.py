"""Show pages in the language and the time zone of the user."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from accounts import time_zones
from accounts.models import User


class PreferencesMiddleware:
    """
    Activate the language and the time zone that the user has chosen.

    Must come after AuthenticationMiddleware. A user who has chosen none gets the language of the
    browser and the time zone of the installation.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if not isinstance(user, User):
            return self.get_response(request)
        if user.language in dict(settings.LANGUAGES):
            # Not deactivated afterwards: LocaleMiddleware activates a language at each request, and
            # writes the one that is active at the end into the header Content-Language.
            translation.activate(user.language)
        with timezone.override(time_zones.find(user.time_zone)):
            return self.get_response(request)
