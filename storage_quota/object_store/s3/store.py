"""The store of an installation with S3, through django-storages and boto3."""

import io
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from django.utils.http import content_disposition_header

from storage_quota.models import Reservation
from storage_quota.models.receipt import PutReceipt
from storage_quota.object_store.adapters import JsonReader, UploadBody
from storage_quota.object_store.errors import (
    LifecycleUnsupported,
    ObjectMissing,
    StoreLacks,
    StoreUnavailable,
)
from storage_quota.object_store.packing import unpacked
from storage_quota.object_store.port import (
    LifecycleRule,
    ObjectInfo,
    OldVersion,
    UnfinishedUpload,
    check_key,
)
from storage_quota.object_store.s3 import lifecycle_rules, versions
from storage_quota.object_store.s3.client import S3Settings, connect
from storage_quota.object_store.s3.errors import S3ErrorTranslator, code_of, is_lacking, status_of
from storage_quota.object_store.s3.upload import ObjectHeaders, PartSizes, UploadTarget, upload
from storage_quota.units import MIB

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import LifecycleRuleOutputTypeDef

logger = logging.getLogger(__name__)

_LIST, _UPLOADS = "ListObjectsV2", "ListMultipartUploads"

Page = TypeVar("Page", bound=Mapping[str, Any])
_Translated = Callable[[str], AbstractContextManager[None]]


class S3Store(JsonReader):
    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._bucket = settings.bucket_name
        self._translator = S3ErrorTranslator(settings.endpoint_url, settings.bucket_name)
        self._errors = self._translator.translated
        self._lacks: set[str] = set()
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

    def uploads(self, key: str = "") -> Iterator[UnfinishedUpload]:
        if _UPLOADS in self._lacks:
            return
        with suppress(StoreLacks), self._optional(_UPLOADS):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=key
            )
            for page in self._whole(pages):
                for entry in page.get("Uploads", ()):
                    if key in {"", entry["Key"]}:
                        yield UnfinishedUpload(entry["Key"], entry["UploadId"], entry["Initiated"])

    def abort(self, upload: UnfinishedUpload) -> None:
        with self._errors(upload.key, writing=True):
            try:
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=upload.key, UploadId=upload.upload_id
                )
            except ClientError as exc:
                if code_of(exc) != "NoSuchUpload":
                    raise

    def upload_bytes(self, upload: UnfinishedUpload) -> int:
        try:
            with self._optional("ListParts"):
                pages = self._client.get_paginator("list_parts").paginate(
                    Bucket=self._bucket, Key=upload.key, UploadId=upload.upload_id
                )
                return sum(part["Size"] for page in pages for part in page.get("Parts", ()))
        except (StoreLacks, UploadGone):
            return 0

    def versioning(self) -> str:
        with self._optional("GetBucketVersioning"):
            return self._client.get_bucket_versioning(Bucket=self._bucket).get("Status", "")

    def old_versions(self, key: str = "") -> Iterator[OldVersion]:
        with self._optional("ListObjectVersions"):
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=key
            )
            for page in self._whole(pages):
                yield from versions.read(page, key)

    def delete_version(self, version: OldVersion) -> None:
        with suppress(ObjectMissing), self._errors(version.key, writing=True):
            self._client.delete_object(
                Bucket=self._bucket, Key=version.key, VersionId=version.version_id
            )

    def lacks(self) -> frozenset[str]:
        return frozenset(self._lacks)

    def lifecycle(self) -> Sequence[LifecycleRule]:
        return lifecycle_rules.read(self._lifecycle())

    def sync_lifecycle(self, rules: Sequence[LifecycleRule]) -> None:
        found = self._lifecycle()
        wanted = lifecycle_rules.merged(found, rules)
        if wanted == found:
            return
        with self._optional("lifecycle rules", LifecycleUnsupported, writing=True):
            if wanted:
                self._client.put_bucket_lifecycle_configuration(
                    Bucket=self._bucket, LifecycleConfiguration={"Rules": wanted}
                )
            else:
                self._client.delete_bucket_lifecycle(Bucket=self._bucket)

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

    def _lifecycle(self) -> "Sequence[LifecycleRuleOutputTypeDef]":
        with self._optional("lifecycle rules", LifecycleUnsupported):
            try:
                answer = self._client.get_bucket_lifecycle_configuration(Bucket=self._bucket)
            except ClientError as exc:
                if code_of(exc) == "NoSuchLifecycleConfiguration":
                    return []
                raise
        return answer.get("Rules", [])

    @contextmanager
    def _optional(
        self, operation: str, error: type[StoreLacks] = StoreLacks, *, writing: bool = False
    ) -> Iterator[None]:
        """Raise `error` where the server has no such operation; that is found and said once."""
        with self._errors(operation, writing=writing):
            try:
                yield
            except ClientError as exc:
                if code_of(exc) == "NoSuchUpload":
                    raise UploadGone from exc
                if not is_lacking(exc):
                    raise
                self._note_lack(operation)
                raise error(f"This S3 has no {operation}") from exc

    def _note_lack(self, operation: str) -> None:
        if operation not in self._lacks:
            self._lacks.add(operation)
            logger.warning(
                "S3 at %s has no %s: the application does without", self._settings.endpoint_url,
                operation,
            )

    def _pages(self, prefix: str, after: str) -> Iterator[Mapping[str, Any]]:
        if _LIST not in self._lacks:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, StartAfter=after
            )
            try:
                yield from pages
                return
            except ClientError as exc:
                if not is_lacking(exc):
                    raise
                self._note_lack(_LIST)
        yield from self._client.get_paginator("list_objects").paginate(
            Bucket=self._bucket, Prefix=prefix, Marker=after
        )

    def _whole(self, pages: Iterable[Page]) -> Iterator[Page]:
        """Raise if a listing breaks off: a server may say there is more without saying where."""
        more = False
        for page in pages:
            more = bool(page.get("IsTruncated"))
            yield page
        if more:  # boto3 would have ended as if this were the end
            raise self._translator.broken_off()

    @cached_property
    def _client(self) -> "S3Client":
        return connect(self._settings)

    @cached_property
    def _bucket_exists(self) -> bool:
        """Raise if there is no bucket: a 404 does not say what is absent. Asked once."""
        self._client.head_bucket(Bucket=self._bucket)
        return True


class UploadGone(Exception):  # noqa: N818 - see pyproject
    """The upload was completed or aborted since it was listed."""


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
