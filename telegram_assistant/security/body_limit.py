"""Refuse a body that is too large before a byte of it is read; Django limits only parts of it."""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from telegram_assistant.api import problems

DIGITS: Final = 20
"""Of the longest length that is looked at: Python refuses to read thousands of digits."""


class BodyLimitMiddleware:
    """
    Answer 413 to more than DATA_UPLOAD_MAX_MEMORY_SIZE bytes.

    Django would store files of any size for whoever sends a form, signed in or not. A body whose
    length is not told is no danger: Django does not read it. Must stand outside of django_prometheus,
    which fails on a length that is no number.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        told = str(request.META.get("CONTENT_LENGTH") or "0")
        if not (told.isascii() and told.isdigit()):
            return problems.bad_request(request, BadRequest("Content-Length is no number"))
        if len(told) > DIGITS or int(told) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return problems.too_large(request)
        return self._get_response(request)
