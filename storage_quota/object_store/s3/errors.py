"""Translation of the errors of S3 and boto3 into ours, with advice what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from storage_quota.object_store.errors import (
    ObjectMissing,
    StoreForbidden,
    StoreFull,
    StoreNotWritable,
    StoreUnavailable,
)

_FULL = {"QuotaExceeded", "StorageFull", "XMinioStorageFull", "InsufficientStorage"}


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
        except (BotoCoreError, HTTPError) as exc:
            raise StoreUnavailable(
                f"S3 at {self.endpoint_url} does not answer ({type(exc).__name__}): check the "
                "network, S3_ENDPOINT_URL and the provider's status"
            ) from exc

    def _answered(self, exc: ClientError, key: str, *, writing: bool) -> Exception:
        status, code = status_of(exc), code_of(exc)
        if code == "NoSuchKey":
            return ObjectMissing(key)
        if status == HTTPStatus.INSUFFICIENT_STORAGE or code in _FULL:
            return StoreFull(f"S3 has no room in {self.bucket}: raise its quota or clean it up")
        if code == "NoSuchUpload":
            return StoreUnavailable(f"S3 gave up the upload of {key}: it has to be put again")
        if status == HTTPStatus.NOT_FOUND:
            return StoreForbidden(f"There is no bucket {self.bucket}: check S3_BUCKET_NAME")
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return self._denied(code, writing=writing)
        return StoreUnavailable(
            f"S3 at {self.endpoint_url} answered HTTP {status} {code} for {key}: if that lasts, "
            "see the provider's status"
        )

    def _denied(self, code: str, *, writing: bool) -> Exception:
        if writing and code == "AccessDenied":
            return StoreNotWritable(
                f"S3 allows no writing to {self.bucket}: give S3_ACCESS_KEY_ID that right"
            )
        return StoreForbidden(
            f"S3 denies access to {self.bucket} ({code}): check S3_ACCESS_KEY_ID and "
            "S3_SECRET_ACCESS_KEY, and that they may read and list the bucket"
        )


def status_of(exc: ClientError) -> int:
    return int(exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(exc: ClientError) -> str:
    return exc.response.get("Error", {}).get("Code", "")
