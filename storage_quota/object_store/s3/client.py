"""The connection to S3: one client of boto3, through django-storages and the guard of requests."""

import base64
import hashlib
import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, cast

import botocore
from botocore.config import Config
from pydantic import SecretStr
from storages.backends.s3 import S3Storage
from urllib3.exceptions import InsecureRequestWarning

from events.outbound import purposes
from storage_quota.object_store.s3.guarded import Connections, guard

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SENT_AT_ONCE_BYTES: Final = 1024**2
"""Larger bodies wait until the server agrees: it may refuse them unread."""


class S3Settings(Protocol):
    """The settings that this adapter reads, a part of `telegram_assistant.config.S3`."""

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
    def force_path_style(self) -> bool: ...
    @property
    def connect_timeout_sec(self) -> float: ...
    @property
    def read_timeout_sec(self) -> float: ...
    @property
    def max_retry_attempts(self) -> int: ...
    @property
    def retry_mode(self) -> Literal["standard", "adaptive", "legacy"]: ...
    @property
    def max_pool_connections(self) -> int: ...
    @property
    def multipart_threshold_mb(self) -> int: ...
    @property
    def multipart_chunksize_mb(self) -> int: ...
    @property
    def certificates(self) -> bool | str: ...


def connect(settings: S3Settings) -> "S3Client":
    """Make a client for all threads (boto3's clients may be shared, its sessions may not)."""
    if settings.certificates is False:  # said once, when the process starts
        warnings.filterwarnings("ignore", category=InsecureRequestWarning)
    storage = S3Storage(
        access_key=settings.access_key_id,
        secret_key=settings.secret_access_key.get_secret_value(),
        bucket_name=settings.bucket_name,
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        verify=settings.certificates,
        client_config=_client_config(settings),
    )
    client = cast("S3Client", storage.connection.meta.client)
    client.meta.events.register("before-call.s3.PutBucketLifecycleConfiguration", _add_content_md5)
    client.meta.events.register("before-call.s3.PutObject", _send_at_once)
    guard(
        client,
        purposes.bucket(
            settings.endpoint_url, settings.bucket_name, seconds=settings.read_timeout_sec
        ),
        Connections(
            settings.certificates,
            connect_seconds=settings.connect_timeout_sec,
            read_seconds=settings.read_timeout_sec,
            most=settings.max_pool_connections,
        ),
    )
    return client


def content_md5(content: bytes) -> str:
    """
    Hash the bytes as they are sent, so that the server refuses them if they arrive damaged.

    Every S3 server knows this checksum; some refuse the newer ones of boto3.
    """
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def _client_config(settings: S3Settings) -> Config:
    return Config(
        signature_version="s3v4",
        # boto3 puts its own together anew for each request, a tenth of the work of a put.
        user_agent=f"Botocore/{botocore.__version__}",
        # AWS_DEFAULTS_MODE=auto would ask the cloud's metadata for a region.
        defaults_mode="legacy",  # type: ignore[arg-type]  # the stubs err
        s3={"addressing_style": "path" if settings.force_path_style else "virtual"},
        connect_timeout=settings.connect_timeout_sec,
        read_timeout=settings.read_timeout_sec,
        retries={"mode": settings.retry_mode, "total_max_attempts": settings.max_retry_attempts},
        max_pool_connections=settings.max_pool_connections,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _send_at_once(params: dict[str, Any], **_: Any) -> None:
    """
    Send a small body together with its headers.

    boto3 sends what can be read only after the server agreed to it (`Expect: 100-continue`): a
    second trip for each object, longer than that of its bytes.
    """
    body = params["body"]
    if isinstance(body, BytesIO) and body.getbuffer().nbytes <= SENT_AT_ONCE_BYTES:
        params["body"] = body.getvalue()


def _add_content_md5(params: dict[str, Any], **_: Any) -> None:
    """Add the checksum that S3 demands for lifecycle rules; boto3 offers only its newer ones."""
    params["headers"]["Content-MD5"] = content_md5(params["body"])
