"""Uploading an object to S3: in one request, or in parts from a threshold on."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from storage_quota.object_store.adapters import UploadBody
from storage_quota.object_store.s3.client import content_md5

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef


class ObjectHeaders(TypedDict, total=False):
    ContentType: str
    ContentEncoding: str


@dataclass(frozen=True, slots=True)
class UploadTarget:
    bucket: str
    key: str
    headers: ObjectHeaders


@dataclass(frozen=True, slots=True)
class PartSizes:
    """Sizes for uploads in parts; a process holds one part in memory."""

    threshold_bytes: int
    part_bytes: int


def upload(
    client: "S3Client", target: UploadTarget, source: UploadBody, *, sizes: PartSizes
) -> None:
    """
    Upload `source`; nothing is visible before the last request.

    A failure leaves at most an unfinished upload.
    Every request carries the Content-MD5 of what it sends.
    """
    head = _read(source, sizes.threshold_bytes)
    if len(head) == sizes.threshold_bytes:
        _in_parts(client, target, _pieces(head, source, sizes.part_bytes))
        return
    client.put_object(
        Bucket=target.bucket,
        Key=target.key,
        Body=head,
        ContentMD5=content_md5(head),
        **target.headers,
    )


def _in_parts(client: "S3Client", target: UploadTarget, pieces: Iterator[bytes]) -> None:
    bucket, key = target.bucket, target.key
    started = client.create_multipart_upload(Bucket=bucket, Key=key, **target.headers)
    upload_id = started["UploadId"]
    try:
        parts: list[CompletedPartTypeDef] = []
        for number, piece in enumerate(pieces, start=1):
            sent = client.upload_part(
                Bucket=bucket,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=piece,
                ContentMD5=content_md5(piece),
            )
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        client.complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
        )
    except BaseException:
        with suppress(BotoCoreError, ClientError):  # `abort_uploads` finds what remains
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
        raise


def _pieces(head: bytes, source: UploadBody, size: int) -> Iterator[bytes]:
    """Split into pieces of equal size, except the last: some servers insist on that."""
    rest = head + _read(source, size - len(head))
    while rest:
        yield rest[:size]
        rest = rest[size:]
        rest += _read(source, size - len(rest))


def _read(source: UploadBody, size: int) -> bytes:
    """Read exactly `size` bytes, fewer only at the end: one read of a stream may give fewer."""
    pieces = []
    while size > 0 and (piece := source.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
