"""One trace id per request, from the caller or new; the answer and every log line carry it."""

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.log import log_response

from events import trace

HEADER = "X-Trace-ID"
FAILED = 400


class TraceMiddleware:
    """Outermost, so that what other middleware logs and refuses carries the id, too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with trace.use(_trace_id(request)):
            response = self._get_response(request)
            response[HEADER] = trace.current()
            if response.status_code >= FAILED:
                _log(request, response)
            return response


def _log(request: HttpRequest, response: HttpResponse) -> None:
    """Django's own line, which it would write after the trace id is forgotten."""
    log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)


def _trace_id(request: HttpRequest) -> str:
    """What the caller sent if it is harmless in a log, else `req_` and 16 hexadecimal digits."""
    sent = request.headers.get(HEADER, "")
    return sent if trace.PATTERN.fullmatch(sent) else f"req_{secrets.token_hex(8)}"
