"""GigaChat's failures in our words: CONTRACT §2.5, GIGACHAT_API.md §6."""

import email.utils
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import httpx
from gigachat.exceptions import GigaChatException, RateLimitError, ResponseError

from events.logs.redaction import redact
from events.outbound import OutboundRefused, Reason
from vision.providers.answers.fields import one_line
from vision.providers.gigachat import sentences
from vision.providers.port import (
    ErrorClass,
    ProviderBusy,
    ProviderMisconfigured,
    ProviderRefused,
)

LONGEST_WAIT: Final = timedelta(hours=1)
"""What a Retry-After may ask for at most; a wrong clock must not park a picture for years."""

SDK_FAILURES: Final = (
    GigaChatException, httpx.HTTPError, OutboundRefused, ValueError, TypeError,
)  # fmt: skip
"""What a call of the SDK raises; the last two where an answer is not what the SDK expects."""

_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_MESSAGE_CHARS: Final = 200
_CUT_OFF: Final = (
    HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT,
)  # fmt: skip
"""Somebody in between did not wait for the model, which may have been at work, and billed."""
_REJECTED: Final = (
    HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY,
)  # fmt: skip


@contextmanager
def translated(*, now: datetime, auth_url: str, model: str, billed: bool = False) -> Iterator[None]:
    """
    Inside, the SDK's failures become ours; none of them carries a header or a token.

    `billed`: the call inside costs tokens as soon as GigaChat has it.
    """
    try:
        yield
    except ResponseError as exc:
        if str(exc.url) == auth_url:
            raise _from_oauth(exc, now=now) from None
        if _is_success(exc.status_code):
            raise _odd_answer(exc, billed=billed) from None
        raise _from_response(exc, now=now, model=model, billed=billed) from None
    except OutboundRefused as exc:
        raise _from_guard(exc, billed=billed) from exc
    except httpx.HTTPError as exc:
        raise _from_network(exc, billed=billed) from exc
    except GigaChatException as exc:
        raise _odd_answer(exc, billed=billed) from exc
    except (ValueError, TypeError) as exc:  # no JSON, or none of the shape that was promised
        raise _odd_answer(exc, billed=billed) from exc


def _from_oauth(exc: ResponseError, *, now: datetime) -> ProviderBusy | ProviderRefused:
    """The token could not be had, so the picture has not been sent."""
    if exc.status_code == HTTPStatus.UNAUTHORIZED:
        return ProviderMisconfigured(
            "provider_unauthorized",
            sentences.UNKNOWN_CREDENTIALS % {"said": _said(exc)},
        )
    if exc.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}:
        return ProviderMisconfigured(
            "provider_unauthorized", sentences.NO_TOKEN % {"said": _said(exc)}
        )
    if exc.status_code == HTTPStatus.NOT_FOUND:
        return ProviderMisconfigured(
            "provider_address", sentences.NO_TOKEN_THERE % {"said": _said(exc)}
        )
    return _busy(exc, now=now)


def _from_response(
    exc: ResponseError, *, now: datetime, model: str, billed: bool
) -> ProviderBusy | ProviderRefused:
    status = exc.status_code
    if status == HTTPStatus.UNAUTHORIZED:
        return ProviderMisconfigured(
            "provider_unauthorized",
            sentences.TOKEN_REFUSED % {"said": _said(exc)},
        )
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return ProviderMisconfigured(
            "provider_quota",
            sentences.USED_UP % {"said": _said(exc)},
            error_class=ErrorClass.NON_RETRYABLE_QUOTA,
        )
    if status == HTTPStatus.FORBIDDEN:
        return ProviderMisconfigured("provider_forbidden", sentences.DENIED % {"said": _said(exc)})
    if status == HTTPStatus.NOT_FOUND:
        return _not_found(exc, model=model)
    if status in _REJECTED:
        return ProviderRefused("request_rejected", _said(exc))
    return _busy(exc, now=now, billed=billed)


def _not_found(exc: ResponseError, *, model: str) -> ProviderBusy | ProviderRefused:
    """Three things can be missing; which status a deleted file has is documented nowhere."""
    message = _said(exc)
    if "model" in message.lower():
        return ProviderMisconfigured(
            "unknown_model",
            sentences.NO_MODEL % {"model": repr(model), "said": message},
        )
    if "file" in message.lower():
        return ProviderBusy(
            sentences.PICTURE_GONE % {"said": message},
            error_class=ErrorClass.RETRYABLE_SERVER_ERROR,
        )
    return ProviderMisconfigured("provider_address", sentences.NOT_THERE % {"said": message})


def _is_success(status: int) -> bool:
    """Whether the call has succeeded, without the answer that only 200 has: of this call alone."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _busy(
    exc: ResponseError, *, now: datetime, billed: bool = False
) -> ProviderBusy | ProviderRefused:
    if _is_success(exc.status_code):
        return _odd_answer(exc, billed=False)
    if exc.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderBusy(
            sentences.SLOW_DOWN % {"said": _said(exc)},
            error_class=ErrorClass.RETRYABLE_RATE_LIMIT,
            after=retry_after(exc, now=now),
        )
    if exc.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or (
        exc.status_code == HTTPStatus.REQUEST_TIMEOUT
    ):
        return ProviderBusy(
            sentences.UNWELL % {"said": _said(exc)},
            error_class=ErrorClass.RETRYABLE_SERVER_ERROR,
            after=retry_after(exc, now=now),
            maybe_billed=billed and exc.status_code in _CUT_OFF,
        )
    if exc.status_code < HTTPStatus.BAD_REQUEST:
        return ProviderMisconfigured("provider_address", sentences.MOVED % {"said": _said(exc)})
    return ProviderRefused("request_rejected", _said(exc))


def _from_network(exc: httpx.HTTPError, *, billed: bool) -> ProviderBusy:
    """Also a certificate nobody trusts: nothing was sent, and the message says what to set."""
    detail = sentences.NOT_REACHED % {"error": type(exc).__name__}
    if "CERTIFICATE_VERIFY_FAILED" in str(exc):
        detail = sentences.UNTRUSTED
    sent = not isinstance(exc, _NEVER_SENT)
    return ProviderBusy(
        detail, error_class=ErrorClass.RETRYABLE_NETWORK, maybe_billed=billed and sent
    )


def _from_guard(exc: OutboundRefused, *, billed: bool) -> ProviderBusy | ProviderRefused:
    """An answer that was too large to read is odd; otherwise no request has been made."""
    if exc.reason in {Reason.SIZE, Reason.ENCODING}:
        return _odd_answer(exc, billed=billed)
    return ProviderMisconfigured("provider_address", str(exc))


def _odd_answer(exc: Exception, *, billed: bool) -> ProviderBusy:
    what = _said(exc) if isinstance(exc, ResponseError) else type(exc).__name__
    return ProviderBusy(
        sentences.ODD % {"what": what},
        error_class=ErrorClass.RETRYABLE_SERVER_ERROR,
        maybe_billed=billed,
    )


def retry_after(exc: ResponseError, *, now: datetime) -> timedelta | None:
    """Seconds, or a date, as HTTP has it; None where the header is absent or makes no sense."""
    header = exc.headers.get("retry-after", "") if exc.headers else ""
    seconds = exc.retry_after if isinstance(exc, RateLimitError) else 0.0
    if not seconds:
        seconds = _seconds(header, now=now)
    if not math.isfinite(seconds) or seconds <= 0:
        return None
    return min(timedelta(seconds=min(seconds, 1e6)), LONGEST_WAIT)


def _seconds(header: str, *, now: datetime) -> float:
    try:
        return float(header)
    except ValueError:
        pass
    try:
        return (email.utils.parsedate_to_datetime(header) - now).total_seconds()
    except (ValueError, TypeError):  # no date; or one without a zone
        return 0.0


def _said(exc: ResponseError) -> str:
    """Status and message. Gateways answer in HTML, or not at all: none of that is repeated."""
    try:
        body = json.loads(exc.content or b"")
    except (ValueError, RecursionError):
        body = None
    message = body.get("message") if isinstance(body, dict) else None
    said = redact(one_line(str(message), longest=_MESSAGE_CHARS)) if message else ""
    return f"HTTP {exc.status_code}: {said}" if said else f"HTTP {exc.status_code}"
