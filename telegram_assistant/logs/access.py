"""One line for each answered request, with the trace id; without what stands behind the `?`."""

import logging
import time
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

POLLED: Final = ("/health", "/metrics", "/static/")
"""Paths whose answers are logged at DEBUG only, unless they are failures."""
FAILED: Final = 500


class AccessMiddleware:
    """Stands just inside of the trace id, so that everything else is measured."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self._get_response(request)
        _log(request, response, milliseconds=(time.perf_counter() - started) * 1000)
        return response


def _log(request: HttpRequest, response: HttpResponse, *, milliseconds: float) -> None:
    is_polled = request.path.startswith(POLLED) and response.status_code < FAILED
    logger.log(
        logging.DEBUG if is_polled else logging.INFO,
        "%s %s %d",
        request.method,
        request.path,
        response.status_code,
        extra={
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "milliseconds": round(milliseconds, 1),
        },
    )
