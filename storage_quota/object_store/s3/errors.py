"""Translation of the errors of S3 and boto3 into ours, with advice what to do."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    PaginationError,
    ProxyConnectionError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError, NameResolutionError

from events.outbound import OutboundRefused
from storage_quota.object_store.errors import (
    ObjectMissing,
    RightMissing,
    StoreForbidden,
    StoreFull,
    StoreNotWritable,
    StoreUnavailable,
)
from storage_quota.object_store.s3 import sentences

_FULL: Final = {
    "QuotaExceeded",
    "StorageFull",
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
    "InsufficientStorage",
    "InsufficientCapacity",
}
_REGION: Final = {
    "AuthorizationHeaderMalformed",
    "PermanentRedirect",
    "IllegalLocationConstraintException",
}
_NO_SUCH_API: Final = {HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.METHOD_NOT_ALLOWED}
_LACKING: Final = {"NotImplemented", "XNotImplemented", "MethodNotAllowed", "UnsupportedOperation"}
_SKEW: Final = timedelta(minutes=14)
"""S3 refuses requests whose time is 15 minutes off its own."""
_NOT_READABLE: Final = "500"
"""Status and code that boto3 gives to an answer which is no XML; a HEAD has no code either."""
_DELETING: Final = {"DeleteObject", "AbortMultipartUpload"}


@dataclass(frozen=True, slots=True)
class S3ErrorTranslator:
    """Translates errors; the address and the bucket appear in the messages."""

    endpoint_url: str
    bucket: str

    @contextmanager
    def translated(self, key: str, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except ClientError as exc:
            raise self._answered(exc, key, writing=writing) from exc
        except OutboundRefused as exc:
            raise StoreForbidden(str(exc)) from exc
        except (PaginationError, ResponseParserError) as exc:
            raise self.broken_off() from exc
        except (BotoCoreError, HTTPError) as exc:
            raise self._unanswered(exc) from exc

    def broken_off(self) -> StoreUnavailable:
        """Build the error of an answer that is not whole, or repeats what was said already."""
        return StoreUnavailable(sentences.BROKEN_OFF % {"url": self.endpoint_url})

    def _unanswered(self, exc: Exception) -> StoreUnavailable:
        if remedy := self._remedy_of_tls(exc):
            return StoreUnavailable(remedy)
        if isinstance(exc, ProxyConnectionError):  # its own words may hold the proxy's password
            return StoreUnavailable(sentences.PROXY % {"url": self.endpoint_url})
        if _is_unknown_host(exc):
            return StoreUnavailable(sentences.UNKNOWN_HOST % {"url": self.endpoint_url})
        silent = {"url": self.endpoint_url, "why": type(exc).__name__}
        return StoreUnavailable(sentences.SILENT % silent)

    def _remedy_of_tls(self, exc: Exception) -> str:
        """What to do where no connection is made because of TLS; OpenSSL says why in words only."""
        text = str(exc).upper().replace(" ", "_")
        if not isinstance(exc, SSLError) and "SSL" not in text:
            return ""
        causes = (told for signs, told in sentences.TLS if any(sign in text for sign in signs))
        return next(causes, sentences.NO_TLS) % {"url": self.endpoint_url, "said": exc}

    def _answered(self, exc: ClientError, key: str, *, writing: bool) -> Exception:
        status, code = status_of(exc), code_of(exc)
        if code == "NoSuchKey":
            return ObjectMissing(key)
        if status == HTTPStatus.INSUFFICIENT_STORAGE or code in _FULL:
            return StoreFull(sentences.FULL % {"bucket": self.bucket})
        if code == "NoSuchUpload":
            return StoreUnavailable(sentences.GIVEN_UP % {"key": key})
        return self._misconfigured(exc, code) or self._refused(exc, key, writing=writing)

    def _misconfigured(self, exc: ClientError, code: str) -> Exception | None:
        if code in _REGION:
            return StoreForbidden(sentences.REGION % {"bucket": self.bucket, "code": code})
        if code == "InvalidBucketName":
            return StoreForbidden(sentences.BAD_NAME % {"bucket": self.bucket})
        if "HTTPS" in str(exc).upper() and status_of(exc) == HTTPStatus.BAD_REQUEST:
            return StoreForbidden(sentences.TLS_ONLY % {"url": self.endpoint_url})
        return None

    def _refused(self, exc: ClientError, key: str, *, writing: bool) -> Exception:
        status, code = status_of(exc), code_of(exc)
        if status == HTTPStatus.NOT_FOUND:
            return StoreForbidden(sentences.NO_BUCKET % {"bucket": self.bucket})
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return self._clock_is_wrong(exc) or self._denied(exc, writing=writing)
        if code == str(status) == _NOT_READABLE and not exc.operation_name.startswith("Head"):
            return self.broken_off()
        answered = {"url": self.endpoint_url, "status": status, "code": code, "key": key}
        return StoreUnavailable(sentences.ANSWERED % answered)

    def _clock_is_wrong(self, exc: ClientError) -> StoreForbidden | None:
        """Tell by the answer's own date, too: the answer to a HEAD has no code."""
        ahead = _ahead_of(exc)
        if code_of(exc) != "RequestTimeTooSkewed" and (ahead is None or abs(ahead) < _SKEW):
            return None
        by = sentences.FAR_OFF
        if ahead is not None and abs(ahead) >= _SKEW:
            side = sentences.AHEAD if ahead > timedelta(0) else sentences.BEHIND
            by = side % {"minutes": f"{abs(ahead) / timedelta(minutes=1):.0f}"}
        wrong = {"host": socket.gethostname(), "by": by, "url": self.endpoint_url}
        return StoreForbidden(sentences.CLOCK % wrong)

    def _denied(self, exc: ClientError, *, writing: bool) -> Exception:
        code, operation = code_of(exc), exc.operation_name
        if writing and code == "AccessDenied":
            told = sentences.NO_DELETING if operation in _DELETING else sentences.NO_WRITING
            return StoreNotWritable(told % {"bucket": self.bucket, "operation": operation})
        error = RightMissing if code == "AccessDenied" else StoreForbidden
        denied = {"bucket": self.bucket, "code": code, "operation": operation}
        return error(sentences.DENIED % denied)


def _is_unknown_host(exc: Exception) -> bool:
    """Whether the name server knows no such name; boto3 keeps the cause in its arguments."""
    cause = getattr(exc, "kwargs", {}).get("error", exc)
    return isinstance(cause, NameResolutionError | socket.gaierror)


def is_lacking(exc: ClientError) -> bool:
    """Whether the server has no such operation at all."""
    return status_of(exc) in _NO_SUCH_API or code_of(exc) in _LACKING


def status_of(exc: ClientError) -> int:
    return int(exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(exc: ClientError) -> str:
    return exc.response.get("Error", {}).get("Code", "")


def _ahead_of(exc: ClientError) -> timedelta | None:
    """How far our clock is ahead of the server's; None where the answer has no date."""
    headers = exc.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        theirs = parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return datetime.now(UTC) - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))
