"""
Turn every failure into a problem (RFC 9457) with a stable `code` and the trace id.

Of an unexpected failure the caller learns only the trace id; the details are in the log.
"""

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeGuard

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views import defaults
from django_stubs_ext import StrPromise
from rest_framework import exceptions
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

from events.console import translated
from events.errors import DomainError, RetryLater
from events.logs import trace

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
OWN_MEMBERS: Final = ("type", "title", "status", "detail", "code", "trace_id")
"""Members of every problem; figures of a domain error cannot replace them."""
UNPROCESSABLE: Final = 422
SERVER_ERROR: Final = 500


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """Answer a failure of a view; DRF calls this for every exception, bugs included."""
    set_rollback()
    request = context["request"]
    if not isinstance(getattr(request, "accepted_renderer", None), BrowsableAPIRenderer):
        request.accepted_renderer = ProblemJSONRenderer()  # the view's own format may not be JSON
        request.accepted_media_type = MEDIA_TYPE
    return _response_to(exc)


def _response_to(exc: Exception) -> Response:
    match exc:
        case DomainError():
            return _response(exc.http_status, exc.code, translated(str(exc)), exc.context())
        case RetryLater():
            return _busy(exc)
        case OperationalError() | InterfaceError():
            logger.error("the database is not available: %s", exc, exc_info=exc)
            return _response(503, "unavailable", _NO_DATABASE)
        case _:
            known = _as_api_exception(exc)
            return _refusal(known) if known else _bug(exc)


def problem(
    status: int, code: str, detail: str | StrPromise, figures: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    members: dict[str, Any] = {
        "type": f"urn:telegram-assistant:problem:{code}",
        "title": _(HTTPStatus(status).phrase),
        "status": status,
        "detail": str(detail),
        "code": code,
        "trace_id": trace.current(),
    }
    return {**(figures or {}), **members}


class ProblemJSONRenderer(JSONRenderer):
    media_type = MEDIA_TYPE


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: answers a request refused before any view, such as for its host name."""
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return _plain(400, "bad_request", _REFUSED)


def too_large(request: HttpRequest) -> HttpResponse:
    """Answer a body that is refused before any view, in the form that the address is asked for."""
    if not _is_api(request):
        return HttpResponse(
            _TooLarge.default_detail, status=413, content_type="text/plain; charset=utf-8"
        )
    return _plain(413, _TooLarge.default_code, _TooLarge.default_detail)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: answers a failure outside of any view, which Django has logged."""
    if not _is_api(request):
        return defaults.server_error(request)
    return _plain(500, "internal_error", _UNEXPECTED)


_NO_DATABASE: Final = gettext_lazy("The database is not available at the moment.")
_REFUSED: Final = gettext_lazy("The request was refused.")
_LATER: Final = gettext_lazy("Not possible at the moment; try the same request again later.")
_UNEXPECTED: Final = gettext_lazy("Unexpected error. The log has the details under this trace id.")


def _response(
    status: int, code: str, detail: str | StrPromise, figures: Mapping[str, Any] | None = None
) -> Response:
    return Response(problem(status, code, detail, figures), status=status)


def _plain(status: int, code: str, detail: str | StrPromise) -> HttpResponse:
    return JsonResponse(problem(status, code, detail), status=status, content_type=MEDIA_TYPE)


def _busy(exc: RetryLater) -> Response:
    logger.warning("answered 503, try again later: %s", exc)
    response = _response(503, "retry_later", _LATER)
    if exc.after:
        response["Retry-After"] = str(max(1, round(exc.after.total_seconds())))
    return response


def _as_api_exception(exc: Exception) -> exceptions.APIException | None:
    match exc:
        case exceptions.APIException():
            return exc
        case Http404():
            return exceptions.NotFound()
        case PermissionDenied():
            return exceptions.PermissionDenied()
        case RequestDataTooBig():
            return _TooLarge()
        case SuspiciousOperation() | UnreadablePostError():
            return exceptions.ParseError()
        case _:
            return None


class _TooLarge(exceptions.APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = gettext_lazy("The body is larger than this server accepts.")
    default_code = "too_large"


def _refusal(exc: exceptions.APIException) -> Response:
    if isinstance(exc, exceptions.ValidationError):
        response = _invalid(exc)
    else:
        code = exc.get_codes()
        response = _response(exc.status_code, str(code), _told(exc))
    if challenge := getattr(exc, "auth_header", None):
        response["WWW-Authenticate"] = challenge
    if wait := getattr(exc, "wait", None):
        response["Retry-After"] = str(round(wait))
    return response


def _told(exc: exceptions.APIException) -> str:
    wait = getattr(exc, "wait", None)
    if wait is None:
        return str(exc.detail)
    seconds = round(wait)  # REST framework's own sentence has its number before it is translated
    return ngettext(
        "Too many requests. The next one is answered in %(count)d second.",
        "Too many requests. The next one is answered in %(count)d seconds.",
        seconds,
    ) % {"count": seconds}


def _invalid(exc: exceptions.ValidationError) -> Response:
    """Answer 422: names each field whose value is refused, with the reason."""
    errors = [
        {"field": field, "code": str(item["code"]), "detail": str(item["message"])}
        for field, item in _flat(exc.get_full_details())
    ]
    detail = "; ".join(
        f"{error['field']}: {error['detail']}" if error["field"] else error["detail"]
        for error in errors
    ).replace(".; ", "; ")
    return _response(UNPROCESSABLE, "invalid", detail, {"errors": errors})


def _flat(details: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield pairs of a dotted field name and an error; an empty name stands for the whole body."""
    if _is_error(details):
        yield path, details
    elif isinstance(details, Mapping):
        for name, inner in details.items():
            step = "" if name == "non_field_errors" else str(name)
            yield from _flat(inner, ".".join(filter(None, (path, step))))
    else:
        for inner in details:
            yield from _flat(inner, path)


def _is_error(details: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(details, Mapping) and isinstance(details.get("message"), str)


def _bug(exc: Exception) -> Response:
    logger.error("unexpected %s", type(exc).__name__, exc_info=exc)
    return _response(SERVER_ERROR, "internal_error", _UNEXPECTED)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
