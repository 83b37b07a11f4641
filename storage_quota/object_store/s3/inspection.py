"""What only S3 can be asked: checksums, versions, its clock, its limits. Changes nothing for good."""

import email.utils
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from botocore.exceptions import ClientError

from storage_quota.object_store.errors import ObjectMissing
from storage_quota.object_store.s3.client import content_md5
from storage_quota.object_store.s3.errors import code_of
from storage_quota.object_store.s3.store import S3Store

_UNVERSIONED: Final = {"NotImplemented", "MethodNotAllowed", "AccessDenied"}


@dataclass(frozen=True, slots=True)
class S3Inspector:
    """Asks the server and the bucket of `store`; raises what the store itself would raise."""

    store: S3Store

    def refuses_damaged(self, key: str) -> bool:
        """Whether an upload whose bytes do not fit their checksum is refused."""
        with self.store._errors(key, writing=True):  # noqa: SLF001 - an extension of the adapter
            try:
                self.store._client.put_object(  # noqa: SLF001 - see above
                    Bucket=self.store._bucket,  # noqa: SLF001 - see above
                    Key=key,
                    Body=b"damaged",
                    ContentMD5=content_md5(b"as it was"),
                )
            except ClientError as error:
                return code_of(error) in {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"}
        with suppress(ObjectMissing):
            self.store.delete(key)
        return False

    def versions(self) -> str:
        """`Enabled`, `Suspended`, or empty: never switched on, or the server has none."""
        with self.store._errors("versioning"):  # noqa: SLF001 - see above
            try:
                answer = self.store._client.get_bucket_versioning(  # noqa: SLF001 - see above
                    Bucket=self.store._bucket  # noqa: SLF001 - see above
                )
            except ClientError as error:
                if code_of(error) in _UNVERSIONED:
                    return ""
                raise
        return str(answer.get("Status", ""))

    def clock(self) -> datetime | None:
        """The server's time, to the second; None if it does not say."""
        with self.store._errors("clock"):  # noqa: SLF001 - see above
            answer = self.store._client.head_bucket(  # noqa: SLF001 - see above
                Bucket=self.store._bucket  # noqa: SLF001 - see above
            )
        header = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date", "")
        return email.utils.parsedate_to_datetime(header) if header else None
