"""
Headers that every answer has: pages, errors, static files, `/health` and `/metrics` alike.

A view that has set a header knows better: nothing of it is replaced.
"""

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.signals import user_logged_out
from django.http import HttpRequest, HttpResponse

ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: then browsers name no origin with forms either, which CSRF protection needs.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(),"
        " magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
    ),
    # People's messages: neither a proxy nor the disk of a shared computer keeps them.
    "Cache-Control": "private, no-store",
}
FORGET: Final = '"cache", "storage"'
"""Said at signing out: pictures may be kept for ten minutes. The cookies are deleted one by one."""
_SIGNED_OUT: Final = "telegram_assistant.signed_out"


class HeadersMiddleware:
    """Must stand outside of whatever may answer by itself, but inside of the trace id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        for name, value in ALWAYS.items():
            response.setdefault(name, value)
        if request.META.get(_SIGNED_OUT):
            response["Clear-Site-Data"] = FORGET
        if request.is_secure() and settings.SECURE_HSTS_SECONDS:
            response.setdefault("Strict-Transport-Security", _strict_transport())
        return response


def _strict_transport() -> str:
    """Say what SecurityMiddleware says, for the answers that it does not see: its own refusals."""
    subdomains = "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
    return f"max-age={settings.SECURE_HSTS_SECONDS}{subdomains}"


def note_signing_out(request: HttpRequest | None, **_: Any) -> None:
    """Remember that whoever asked is signed out now, by whichever door."""
    if request is not None:
        request.META[_SIGNED_OUT] = True


user_logged_out.connect(note_signing_out, dispatch_uid="telegram_assistant.security.headers")
