"""Refuse a body that is too large before a byte of it is read; Django limits only parts of it."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from telegram_assistant.api import problems


class BodyLimitMiddleware:
    """
    Answer 413 to more than DATA_UPLOAD_MAX_MEMORY_SIZE bytes.

    Django would store files of any size for whoever sends a form, signed in or not. A body whose
    length is not told is no danger: Django does not read it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _length(request) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return problems.too_large(request)
        return self._get_response(request)


def _length(request: HttpRequest) -> int:
    told = str(request.META.get("CONTENT_LENGTH") or "")
    return int(told) if told.isascii() and told.isdigit() else 0
