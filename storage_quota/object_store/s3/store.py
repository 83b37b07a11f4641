"""The store of an installation with S3, through django-storages and boto3."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from django.utils.functional import cached_property
from django.utils.http import content_disposition_header

from storage_quota.models import Reservation
from storage_quota.models.receipt import PutReceipt
from storage_quota.object_store.adapters import JsonReader, UploadBody
from storage_quota.object_store.errors import ObjectMissing, StoreUnavailable
from storage_quota.object_store.packing import unpacked
from storage_quota.object_store.port import ObjectInfo, check_key
from storage_quota.object_store.s3.bucket import BucketFeatures
from storage_quota.object_store.s3.client import S3Settings
from storage_quota.object_store.s3.errors import is_lacking, status_of
from storage_quota.object_store.s3.upload import ObjectHeaders, PartSizes, UploadTarget, upload
from storage_quota.units import MIB

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_LIST = "ListObjectsV2"

_Translated = Callable[[str], AbstractContextManager[None]]


class S3Store(BucketFeatures, JsonReader):
    def __init__(self, settings: S3Settings) -> None:
        super().__init__(settings)
        self._sizes = PartSizes(
            threshold_bytes=settings.multipart_threshold_mb * MIB,
            part_bytes=settings.multipart_chunksize_mb * MIB,
        )

    def put(
        self,
        reservation: Reservation,
        body: bytes | BinaryIO,
        *,
        mime: str,
        content_encoding: str = "",
    ) -> PutReceipt:
        key = check_key(reservation.key)
        source = UploadBody(body, reservation)
        headers = ObjectHeaders(ContentType=mime)
        if content_encoding:
            headers["ContentEncoding"] = content_encoding
        try:
            with self._errors(key, writing=True):
                target = UploadTarget(self._bucket, key, headers)
                if not upload(self._client, target, source, sizes=self._sizes):
                    self._note_lack("uploads in parts")
        except StoreUnavailable:
            reservation.unconfirmed = True
            raise
        return source.receipt(mime=mime, content_encoding=content_encoding)

    @contextmanager
    def open(self, key: str, *, raw: bool = False) -> Iterator[BinaryIO]:
        with self._errors(check_key(key)):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        encoding = "" if raw else _encoding(answer.get("ContentEncoding", ""))
        with (
            io.BufferedReader(_Body(answer["Body"], key, self._errors)) as body,
            unpacked(cast("BinaryIO", body), content_encoding=encoding) as content,
        ):
            yield content

    def head(self, key: str) -> ObjectInfo | None:
        with self._errors(check_key(key)):
            try:
                answer = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as exc:
                if status_of(exc) != HTTPStatus.NOT_FOUND or not self._bucket_exists:
                    raise
                return None
        return ObjectInfo(
            key=key,
            size_bytes=answer["ContentLength"],
            modified_at=answer["LastModified"],
            mime=answer.get("ContentType", ""),
            content_encoding=_encoding(answer.get("ContentEncoding", "")),
            etag=answer.get("ETag", "").strip('"'),
        )

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        with self._errors(prefix):
            for page in self._whole(self._pages(prefix, after)):
                for entry in page.get("Contents", ()):
                    if entry["Key"] > after:  # some servers begin with `after`, or before it
                        yield ObjectInfo(
                            key=entry["Key"],
                            size_bytes=entry["Size"],
                            modified_at=entry["LastModified"],
                            etag=entry.get("ETag", "").strip('"'),
                        )

    def delete(self, key: str) -> None:
        with suppress(ObjectMissing), self._errors(check_key(key), writing=True):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def presign(
        self, key: str, *, expires: timedelta, filename: str, mime: str, attachment: bool
    ) -> str | None:
        disposition = content_disposition_header(attachment, filename)
        return self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": check_key(key),
                "ResponseContentType": mime,
                "ResponseContentDisposition": disposition or "inline",
            },
            ExpiresIn=int(expires.total_seconds()),
        )

    def _pages(self, prefix: str, after: str) -> Iterator[Mapping[str, Any]]:
        if not self._lacks_now(_LIST):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, StartAfter=after
            )
            try:
                yield from pages
            except ClientError as exc:
                if not is_lacking(exc):
                    raise
                self._note_lack(_LIST)
            else:
                return
        yield from self._older_pages(prefix, after)

    def _older_pages(self, prefix: str, after: str) -> Iterator[Mapping[str, Any]]:
        entries: Sequence[Mapping[str, Any]] = ({"Key": after},)
        truncated = True
        while truncated and entries:
            page = self._client.list_objects(
                Bucket=self._bucket, Prefix=prefix, Marker=entries[-1]["Key"]
            )
            yield page
            entries, truncated = page.get("Contents", ()), bool(page.get("IsTruncated"))

    @cached_property
    def _bucket_exists(self) -> bool:
        """Raise if there is no bucket: a 404 does not say what is absent. Asked once."""
        self._client.head_bucket(Bucket=self._bucket)
        return True


class _Body(io.RawIOBase):
    """A download. Only errors of reading it are translated, not those of the code that reads."""

    def __init__(self, body: StreamingBody, key: str, errors: "_Translated") -> None:
        self._body, self._key, self._errors = body, key, errors

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        with self._errors(self._key):
            return self._body.readinto(buffer)  # type: ignore[arg-type]  # the stubs err

    def close(self) -> None:
        self._body.close()
        super().close()


def _encoding(header: str) -> str:
    """Drop `aws-chunked`, which concerns the upload only; some servers repeat it."""
    return ",".join(
        part for part in header.replace(" ", "").split(",") if part not in {"", "aws-chunked"}
    )
