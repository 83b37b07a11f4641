"""What a bucket has besides its objects, and a server may lack: uploads, versions, rules."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import ClientError

from events.outbound.made_once import made_once
from storage_quota.object_store.errors import LifecycleUnsupported, ObjectMissing, StoreLacks
from storage_quota.object_store.port import LifecycleRule, OldVersion, UnfinishedUpload
from storage_quota.object_store.s3 import lifecycle_rules, versions
from storage_quota.object_store.s3.client import S3Settings, connect
from storage_quota.object_store.s3.errors import S3ErrorTranslator, code_of, is_lacking

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import LifecycleRuleOutputTypeDef

logger = logging.getLogger(__name__)

_UPLOADS: Final = "ListMultipartUploads"
NOTHING: Final = "crawl/.nothing"
"""A key under which there is never anything."""
ASKED_AGAIN_AFTER: Final = 3600.0
"""Seconds for which a process does without what the server lacked."""

Page = TypeVar("Page", bound=Mapping[str, Any])


class BucketFeatures:
    """
    Each operation that the server is without is found once, said once, and left out then.

    `_lacks` has when each was missed last (by `time.monotonic`).
    """

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._bucket = settings.bucket_name
        self._translator = S3ErrorTranslator(settings.endpoint_url, settings.bucket_name)
        self._errors = self._translator.translated
        self._lacks: dict[str, float] = {}

    def uploads(self, key: str = "") -> Iterator[UnfinishedUpload]:
        if self._lacks_now(_UPLOADS):
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

    def restore(self, version: OldVersion) -> None:
        with self._errors(version.key, writing=True):
            self._client.copy_object(
                Bucket=self._bucket,
                Key=version.key,
                CopySource={
                    "Bucket": self._bucket,
                    "Key": version.key,
                    "VersionId": version.version_id,
                },
            )

    def refuse_if_nothing_may_be_deleted(self) -> None:
        with self._errors(NOTHING, writing=True):
            gone = self._client.delete_object(Bucket=self._bucket, Key=NOTHING)
            if marker := gone.get("VersionId"):  # a bucket with versions keeps a marker of it
                self._client.delete_object(Bucket=self._bucket, Key=NOTHING, VersionId=marker)

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

    def _lacks_now(self, operation: str) -> bool:
        noted_at = self._lacks.get(operation)
        return noted_at is not None and time.monotonic() - noted_at < ASKED_AGAIN_AFTER

    def _note_lack(self, operation: str) -> None:
        first = operation not in self._lacks
        self._lacks[operation] = time.monotonic()
        if first:
            logger.warning(
                "S3 at %s has no %s: the application does without",
                self._settings.endpoint_url,
                operation,
            )

    def _whole(self, pages: Iterable[Page]) -> Iterator[Page]:
        """Raise if a listing breaks off: a server may say there is more without saying where."""
        more = False
        for page in pages:
            more = bool(page.get("IsTruncated"))
            yield page
        if more:  # boto3 would have ended as if this were the end
            raise self._translator.broken_off()

    @made_once
    def _client(self) -> "S3Client":
        return connect(self._settings)


class UploadGone(Exception):
    """The upload was completed or aborted since it was listed."""
