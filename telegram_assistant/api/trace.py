"""Give each request a trace id, which its answer and all its log lines carry."""

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.log import log_response

from events.logs import trace

HEADER = "X-Trace-ID"
FAILED = 400


class TraceMiddleware:
    """Must come first, so that whatever other middleware logs or refuses carries the id as well."""

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
    """Write Django's own log line now; Django itself would write it without the trace id."""
    log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)


def _trace_id(request: HttpRequest) -> str:
    """Take the caller's id if it is harmless in a log, else make one: `req_` and 16 hex digits."""
    sent = request.headers.get(HEADER, "")
    return sent if trace.PATTERN.fullmatch(sent) else f"req_{secrets.token_hex(8)}"
