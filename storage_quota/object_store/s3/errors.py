"""Translation of the errors of S3 and boto3 into ours, with advice what to do."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, PaginationError, SSLError
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
_TLS: Final = (
    (
        ("WRONG_VERSION", "RECORD_LAYER", "HTTP_REQUEST", "UNEXPECTED_EOF"),
        "speaks no TLS: begin S3_ENDPOINT_URL with http://, or name its TLS port",
    ),
    (
        ("HOSTNAME", "NOT_VALID_FOR", "IP_ADDRESS_MISMATCH"),
        "has the certificate of another host: correct the host in S3_ENDPOINT_URL",
    ),
    (
        ("EXPIRED", "NOT_YET_VALID"),
        "has a certificate that is not valid now: set this machine's clock, or have it renewed",
    ),
    (
        ("VERIFY_FAILED",),
        "has a certificate of an unknown authority: name that one's certificate in S3_CA_BUNDLE",
    ),
    (
        ("NO_CERTIFICATE", "PEM", "X509"),
        "cannot be checked: there is no certificate in the file S3_CA_BUNDLE names (is it a key?)",
    ),
)
"""Signs of a cause in the words of OpenSSL, and what to do about it."""
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
        return StoreUnavailable(
            f"S3 at {self.endpoint_url} broke its listing off, or what answers is no S3: try again,"
            " check S3_ENDPOINT_URL, see the provider's status"
        )

    def _unanswered(self, exc: Exception) -> StoreUnavailable:
        if remedy := self._remedy_of_tls(exc):
            return StoreUnavailable(remedy)
        if _is_unknown_host(exc):
            return StoreUnavailable(
                f"The name of the host in S3_ENDPOINT_URL {self.endpoint_url} is not known (DNS):"
                " correct it, or see to this machine's name server"
            )
        return StoreUnavailable(
            f"S3 at {self.endpoint_url} does not answer ({type(exc).__name__}): check the "
            "network, S3_ENDPOINT_URL and the provider's status"
        )

    def _remedy_of_tls(self, exc: Exception) -> str:
        """What to do where no connection is made because of TLS; OpenSSL says why in words only."""
        text = str(exc).upper().replace(" ", "_")
        if not isinstance(exc, SSLError) and "SSL" not in text:
            return ""
        remedies = (remedy for signs, remedy in _TLS if any(sign in text for sign in signs))
        otherwise = f"makes no TLS connection ({exc}): check S3_ENDPOINT_URL and S3_CA_BUNDLE"
        return f"S3 at {self.endpoint_url} {next(remedies, otherwise)}"

    def _answered(self, exc: ClientError, key: str, *, writing: bool) -> Exception:
        status, code = status_of(exc), code_of(exc)
        if code == "NoSuchKey":
            return ObjectMissing(key)
        if status == HTTPStatus.INSUFFICIENT_STORAGE or code in _FULL:
            return StoreFull(
                f"S3 has no room in {self.bucket}: raise the provider's quota or clean up, and set"
                " S3_TOTAL_LIMIT_GB below that quota"
            )
        if code == "NoSuchUpload":
            return StoreUnavailable(f"S3 gave up the upload of {key}: it has to be put again")
        return self._misconfigured(exc, code) or self._refused(exc, key, writing=writing)

    def _misconfigured(self, exc: ClientError, code: str) -> Exception | None:
        if code in _REGION:
            return StoreForbidden(
                f"The bucket {self.bucket} is in another region or elsewhere ({code}): correct"
                " S3_REGION and S3_ENDPOINT_URL"
            )
        if code == "InvalidBucketName":
            return StoreForbidden(f"{self.bucket} is no name of a bucket: check S3_BUCKET_NAME")
        if "HTTPS" in str(exc).upper() and status_of(exc) == HTTPStatus.BAD_REQUEST:
            return StoreForbidden(
                f"S3 at {self.endpoint_url} speaks TLS only: begin S3_ENDPOINT_URL with https://"
            )
        return None

    def _refused(self, exc: ClientError, key: str, *, writing: bool) -> Exception:
        status, code = status_of(exc), code_of(exc)
        if status == HTTPStatus.NOT_FOUND:
            return StoreForbidden(f"There is no bucket {self.bucket}: check S3_BUCKET_NAME")
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return self._clock_is_wrong(exc) or self._denied(exc, writing=writing)
        if code == str(status) == _NOT_READABLE and not exc.operation_name.startswith("Head"):
            return self.broken_off()
        return StoreUnavailable(
            f"S3 at {self.endpoint_url} answered HTTP {status} {code} for {key}: if that lasts, "
            "see the provider's status"
        )

    def _clock_is_wrong(self, exc: ClientError) -> StoreForbidden | None:
        """Tell by the answer's own date, too: the answer to a HEAD has no code."""
        ahead = _ahead_of(exc)
        if code_of(exc) != "RequestTimeTooSkewed" and (ahead is None or abs(ahead) < _SKEW):
            return None
        by = "more than 15 minutes off"
        if ahead is not None and abs(ahead) >= _SKEW:
            side = "ahead of" if ahead > timedelta(0) else "behind"
            by = f"{abs(ahead) / timedelta(minutes=1):.0f} minutes {side}"
        return StoreForbidden(
            f"S3 refuses requests: the clock of this machine ({socket.gethostname()}) is {by} that"
            f" of S3_ENDPOINT_URL {self.endpoint_url}. Set the clock (NTP)"
        )

    def _denied(self, exc: ClientError, *, writing: bool) -> Exception:
        code, operation = code_of(exc), exc.operation_name
        if writing and code == "AccessDenied":
            verb = "deleting from" if operation in _DELETING else "writing to"
            return StoreNotWritable(
                f"S3 allows no {verb} {self.bucket}: give S3_ACCESS_KEY_ID that right ({operation})"
            )
        error = RightMissing if code == "AccessDenied" else StoreForbidden
        return error(
            f"S3 denies access to {self.bucket} ({code}, {operation}): check S3_ACCESS_KEY_ID and "
            "S3_SECRET_ACCESS_KEY, and that they may read and list the bucket"
        )


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
