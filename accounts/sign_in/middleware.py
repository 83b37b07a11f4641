"""What every request of a signed-in browser passes, and what answers about signing in carry."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.sign_in import second_factor, sessions
from accounts.sign_in.guesses import attempts, known_device

_API = "/api/v"


class SignInMiddleware:
    """
    Note the use of sessions, demand a second factor where one is required, and word refusals.

    Must come after AuthenticationMiddleware, MessageMiddleware and django-allauth's middleware.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            sessions.note_use(request, now=timezone.now())
        # Asked again: a session that was not used for too long has ended just now.
        if request.user.is_authenticated and (answer := _demand_second_factor(request)):
            return answer
        response = self.get_response(request)
        known_device.write_cookie(request, response)
        return _word_refusal(request, response)


def _demand_second_factor(request: HttpRequest) -> HttpResponse | None:
    """Answer a request that may do nothing but add a second factor or sign out."""
    pages = reverse("account_login").removesuffix("login/")
    if request.path.startswith(pages) or not second_factor.is_missing(request.user):
        return None
    sentence = _("This installation asks for a second factor. Add one to go on.")
    if request.path.startswith(_API):
        problem = {"code": "second_factor_missing", "status": 403, "detail": sentence}
        return JsonResponse(problem, status=403, content_type="application/problem+json")
    messages.warning(request, sentence)
    return HttpResponseRedirect(reverse("mfa_index"))


def _word_refusal(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """A page that says when to try again says so in its status and headers, too."""
    if seconds := getattr(request, attempts.RETRY_AFTER, None):
        response.status_code = 429
        response["Retry-After"] = str(seconds)
    return response
