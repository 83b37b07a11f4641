"""The store of a configured installation: any S3, through django-storages and boto3."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.utils.http import content_disposition_header
from pydantic import SecretStr
from storages.backends.s3 import S3Storage

from storage_quota.models import Reservation
from storage_quota.object_store import s3_lifecycle
from storage_quota.object_store.packing import unpacked
from storage_quota.object_store.port import (
    JsonReader,
    LifecycleRule,
    LifecycleUnsupported,
    Metered,
    ObjectInfo,
    ObjectMissing,
    StoreForbidden,
    StoreFull,
    StoreNotWritable,
    StoreUnavailable,
    Upload,
    check_key,
)
from storage_quota.receipt import Stored

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import LifecycleRuleOutputTypeDef

PART_BYTES = 5 * 1024**2
"""Threshold and part of a multipart upload (CONTRACT §6.3); S3 allows no smaller part."""

_NOT_IMPLEMENTED = {HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.METHOD_NOT_ALLOWED}


class Connection(Protocol):
    """What this adapter reads of `telegram_assistant.config.S3`."""

    @property
    def endpoint_url(self) -> str: ...
    @property
    def bucket_name(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def access_key_id(self) -> str: ...
    @property
    def secret_access_key(self) -> SecretStr: ...
    @property
    def verify_ssl(self) -> bool: ...
    @property
    def connect_timeout_sec(self) -> float: ...
    @property
    def read_timeout_sec(self) -> float: ...
    @property
    def max_retry_attempts(self) -> int: ...
    @property
    def max_pool_connections(self) -> int: ...


class S3Store(JsonReader):
    """One client for all threads (boto3 clients may be shared, sessions may not)."""

    def __init__(self, settings: Connection) -> None:
        self._bucket = settings.bucket_name
        self._storage = S3Storage(
            access_key=settings.access_key_id,
            secret_key=settings.secret_access_key.get_secret_value(),
            bucket_name=settings.bucket_name,
            endpoint_url=settings.endpoint_url,
            region_name=settings.region,
            verify=None if settings.verify_ssl else False,
            client_config=_client_config(settings),
            transfer_config=TransferConfig(
                multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False
            ),
        )

    def put(
        self,
        reservation: Reservation,
        body: bytes | BinaryIO,
        *,
        mime: str,
        content_encoding: str = "",
    ) -> Stored:
        key = check_key(reservation.key)
        source = Metered(body, reservation)
        headers = {"ContentType": mime}
        if content_encoding:
            headers["ContentEncoding"] = content_encoding
        with self._errors(key, writing=True):
            self._client.upload_fileobj(
                cast("BinaryIO", source),
                self._bucket,
                key,
                ExtraArgs=headers,
                Config=self._storage.transfer_config,
            )
        return source.receipt(mime=mime, content_encoding=content_encoding)

    @contextmanager
    def open(self, key: str, *, raw: bool = False) -> Iterator[BinaryIO]:
        with self._errors(check_key(key)):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        with answer["Body"] as body, self._errors(key):
            encoding = "" if raw else answer.get("ContentEncoding", "")
            with unpacked(cast("BinaryIO", body), content_encoding=encoding) as content:
                yield content

    def head(self, key: str) -> ObjectInfo | None:
        with self._errors(check_key(key)):
            try:
                answer = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as exc:
                if _status(exc) != HTTPStatus.NOT_FOUND or not self._bucket_exists:
                    raise
                return None
        return ObjectInfo(
            key=key,
            size_bytes=answer["ContentLength"],
            modified_at=answer["LastModified"],
            mime=answer.get("ContentType", ""),
            content_encoding=answer.get("ContentEncoding", ""),
            etag=answer.get("ETag", "").strip('"'),
        )

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        with self._errors(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    yield ObjectInfo(
                        key=entry["Key"],
                        size_bytes=entry["Size"],
                        modified_at=entry["LastModified"],
                        etag=entry.get("ETag", "").strip('"'),
                    )

    def delete(self, key: str) -> None:
        with self._errors(check_key(key), writing=True):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def uploads(self) -> Iterator[Upload]:
        with self._errors(""):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket
            )
            for page in pages:
                for entry in page.get("Uploads", ()):
                    yield Upload(entry["Key"], entry["UploadId"], entry["Initiated"])

    def abort(self, upload: Upload) -> None:
        with self._errors(upload.key, writing=True):
            try:
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=upload.key, UploadId=upload.upload_id
                )
            except ClientError as exc:
                if _code(exc) != "NoSuchUpload":
                    raise

    def lifecycle(self) -> Sequence[LifecycleRule]:
        return s3_lifecycle.read(self._lifecycle())

    def sync_lifecycle(self, rules: Sequence[LifecycleRule]) -> None:
        wanted = s3_lifecycle.merged(self._lifecycle(), rules)
        with self._errors("", writing=True):
            if wanted:
                self._client.put_bucket_lifecycle_configuration(
                    Bucket=self._bucket, LifecycleConfiguration={"Rules": wanted}
                )
            else:
                self._client.delete_bucket_lifecycle(Bucket=self._bucket)

    def _lifecycle(self) -> "Sequence[LifecycleRuleOutputTypeDef]":
        with self._errors(""):
            try:
                answer = self._client.get_bucket_lifecycle_configuration(Bucket=self._bucket)
            except ClientError as exc:
                if _code(exc) == "NoSuchLifecycleConfiguration":
                    return []
                if _status(exc) in _NOT_IMPLEMENTED:
                    raise LifecycleUnsupported(
                        "This S3 has no lifecycle rules; the application deletes what is old"
                    ) from exc
                raise
        return answer.get("Rules", [])

    def presign(
        self, key: str, *, expires: timedelta, filename: str, mime: str, attachment: bool
    ) -> str | None:
        disposition = content_disposition_header(attachment, filename)
        headers = {"ResponseContentType": mime, "ResponseContentDisposition": disposition}
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": check_key(key), **headers},
            ExpiresIn=int(expires.total_seconds()),
        )

    @cached_property
    def _client(self) -> "S3Client":
        return cast("S3Client", self._storage.connection.meta.client)

    @cached_property
    def _bucket_exists(self) -> bool:
        """A HEAD answers 404 without saying what is absent: asked once, the bucket tells."""
        self._client.head_bucket(Bucket=self._bucket)
        return True

    @contextmanager
    def _errors(self, key: str, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except ClientError as exc:
            raise self._translated(exc, key, writing=writing) from exc
        except S3UploadFailedError as exc:
            cause = exc.__cause__ or exc.__context__
            if isinstance(cause, ClientError):
                raise self._translated(cause, key, writing=writing) from exc
            raise StoreUnavailable(f"S3 did not take {key}") from exc
        except (BotoCoreError, OSError) as exc:
            raise StoreUnavailable(f"S3 does not answer: {type(exc).__name__}") from exc

    def _translated(self, exc: ClientError, key: str, *, writing: bool) -> Exception:
        status, code = _status(exc), _code(exc)
        if code == "NoSuchKey":
            return ObjectMissing(key)
        if status == HTTPStatus.INSUFFICIENT_STORAGE or code in {"QuotaExceeded", "StorageFull"}:
            return StoreFull(f"S3 has no room in {self._bucket}: raise its quota or clean it up")
        if status == HTTPStatus.NOT_FOUND:
            return StoreForbidden(f"There is no bucket {self._bucket}: check S3_BUCKET_NAME")
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return self._denied(code, writing=writing)
        return StoreUnavailable(f"S3 answered HTTP {status} {code} for {key}")

    def _denied(self, code: str, *, writing: bool) -> Exception:
        if writing and code == "AccessDenied":
            return StoreNotWritable(
                f"S3 allows no writing to {self._bucket}: give S3_ACCESS_KEY_ID that right"
            )
        return StoreForbidden(
            f"S3 denies access to {self._bucket} ({code}): check S3_ACCESS_KEY_ID and "
            "S3_SECRET_ACCESS_KEY"
        )


def _client_config(settings: Connection) -> Config:
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        connect_timeout=settings.connect_timeout_sec,
        read_timeout=settings.read_timeout_sec,
        retries={"mode": "standard", "total_max_attempts": settings.max_retry_attempts},
        max_pool_connections=settings.max_pool_connections,
        # The checksums boto3 adds by default are refused by S3 servers other than AWS's.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _status(exc: ClientError) -> int:
    return int(exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(exc: ClientError) -> str:
    return exc.response.get("Error", {}).get("Code", "")
