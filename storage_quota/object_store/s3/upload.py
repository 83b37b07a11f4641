"""Uploading an object to S3: in one request, or in parts from a threshold on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from storage_quota.object_store.adapters import UploadBody
from storage_quota.object_store.errors import StoreUnavailable
from storage_quota.object_store.s3.client import content_md5
from storage_quota.object_store.s3.errors import is_lacking

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
) -> bool:
    """
    Upload `source`; nothing is visible before the last request. False if the server has no parts.

    A failure leaves at most an unfinished upload, which is noted on `source`.
    Every request carries the Content-MD5 of what it sends.
    """
    head = _read(source, sizes.threshold_bytes)
    has_parts = True
    if len(head) == sizes.threshold_bytes:
        if upload_id := _begin(client, target):
            _in_parts(client, target, upload_id, source, _pieces(head, source, sizes.part_bytes))
            return True
        has_parts = False
        head += b"".join(source.chunks())
    answer = client.put_object(
        Bucket=target.bucket,
        Key=target.key,
        Body=head,
        ContentMD5=content_md5(head),
        **target.headers,
    )
    _confirmed(answer.get("ETag"))
    return has_parts


def _confirmed(etag: str | None) -> str:
    """
    Return the ETag that S3 gives for whatever it has stored.

    Something in between, a proxy or a page of a hotel, answers 200 without one and stores nothing.
    """
    if not etag:
        raise StoreUnavailable(
            "the store confirmed an upload without an ETag: it is not S3's answer"
        )
    return etag


def _begin(client: "S3Client", target: UploadTarget) -> str:
    """Begin an upload in parts; returns its id, empty where the server knows no parts."""
    try:
        started = client.create_multipart_upload(
            Bucket=target.bucket, Key=target.key, **target.headers
        )
    except ClientError as error:
        if is_lacking(error):
            return ""
        raise
    return started["UploadId"]


def _in_parts(
    client: "S3Client",
    target: UploadTarget,
    upload_id: str,
    source: UploadBody,
    pieces: Iterator[bytes],
) -> None:
    bucket, key = target.bucket, target.key
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
            parts.append({"PartNumber": number, "ETag": _confirmed(sent.get("ETag"))})
        answer = client.complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
        )
        # Ceph's answer names the object, with an empty ETag.
        _confirmed(answer.get("ETag") or answer.get("Key"))
    except BaseException:
        try:
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
        except (BotoCoreError, ClientError):
            source.leaves_bytes()  # whoever ends the reservation aborts what remains
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
