"""Variables of the object store: the bucket, its limits, and when objects are deleted."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from events.outbound.hosts import origin_of
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from storage_quota.units import GIB
from telegram_assistant.config.source import source

MAX_GB = 1_000_000
"""A petabyte. A larger number is a typing error, and infinity is not a number of bytes."""
_HOST: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?")
_REGION: Final = re.compile(r"(?!-)(?![0-9]+$)[A-Za-z0-9-]{,63}(?<!-)")
"""As boto3 accepts it."""
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


_HALF = Sentence(_("S3 is half configured: set %(missing)s too"))
_UNREADABLE = Sentence(_("the file cannot be read: %(why)s"))


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers of bytes that may be stored (CONTRACT §7.1). Reaching a limit exactly is allowed."""

    total_bytes: int
    emergency_bytes: int
    tenant_bytes: int
    by_type: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Cleanup:
    """The rules of deleting objects (CONTRACT §6.4, §7.6); `ttl` is by content type."""

    enabled: bool
    target_bytes: int
    ttl: Mapping[str, timedelta]
    abort_uploads_after: timedelta
    check_every: timedelta


class S3(BaseSettings):
    """Reads S3_ENDPOINT_URL, S3_BUCKET_NAME, S3_TOTAL_LIMIT_GB, … (CONTRACT §6.1, §7.1)."""

    model_config = source("S3_")

    endpoint_url: str = "https://s3.cloud.ru"
    bucket_name: str = ""
    region: str = "ru-central-1"
    access_key_id: str = ""
    secret_access_key: SecretStr = SecretStr("")
    verify_ssl: bool = True
    ca_bundle: Path | None = None
    force_path_style: bool = True
    connect_timeout_sec: float = Field(default=30, gt=0, le=3600)
    read_timeout_sec: float = Field(default=60, gt=0, le=3600)
    max_retry_attempts: int = Field(default=5, ge=1, le=20)
    retry_mode: Literal["standard", "adaptive", "legacy"] = "standard"
    max_pool_connections: int = Field(default=50, ge=1, le=1000)
    multipart_threshold_mb: int = Field(default=5, ge=5, le=100)
    multipart_chunksize_mb: int = Field(default=5, ge=5, le=100)
    presigned_url_ttl: int = Field(default=300, ge=0, le=300)
    use_compression: bool = True
    compression_level: int = Field(default=6, ge=1, le=9)
    default_tenant_id: UUID = UUID("877193ef-be80-4977-aaeb-8009c3d772ee")

    total_limit_gb: float = Field(default=15, gt=0, le=MAX_GB)
    emergency_threshold_gb: float = Field(default=14, gt=0, le=MAX_GB)
    per_tenant_limit_gb: float = Field(default=2, gt=0, le=MAX_GB)
    media_max_gb: float = Field(default=10, gt=0, le=MAX_GB)
    vision_max_gb: float = Field(default=2, gt=0, le=MAX_GB)
    crawl_max_gb: float = Field(default=2, gt=0, le=MAX_GB)
    album_max_gb: float = Field(default=1, gt=0, le=MAX_GB)

    enable_emergency_cleanup: bool = True
    target_after_cleanup_gb: float = Field(default=12, ge=0, le=MAX_GB)
    cleanup_check_interval_hours: float = Field(default=6, ge=0.1, le=8760)
    media_ttl_days: int = Field(default=30, ge=1, le=36_500)
    vision_ttl_days: int = Field(default=14, ge=1, le=36_500)
    crawl_ttl_days: int = Field(default=7, ge=1, le=36_500)
    album_ttl_days: int = Field(default=14, ge=1, le=36_500)
    abort_multipart_days: int = Field(default=1, ge=1, le=365)

    @model_validator(mode="after")
    def _emergency_comes_first(self) -> "S3":
        if self.emergency_threshold_gb >= self.total_limit_gb:
            raise ValueError(_("S3_EMERGENCY_THRESHOLD_GB must be below S3_TOTAL_LIMIT_GB"))
        return self

    @model_validator(mode="after")
    def _cleaning_up_helps(self) -> "S3":
        named = "target_after_cleanup_gb" in self.model_fields_set
        if named and self.target_after_cleanup_gb > self.emergency_threshold_gb:
            raise ValueError(
                _("S3_TARGET_AFTER_CLEANUP_GB must not be above S3_EMERGENCY_THRESHOLD_GB")
            )
        return self

    @model_validator(mode="after")
    def _all_or_nothing(self) -> "S3":
        given = {
            "S3_BUCKET_NAME": self.bucket_name,
            "S3_ACCESS_KEY_ID": self.access_key_id,
            "S3_SECRET_ACCESS_KEY": self.secret_access_key.get_secret_value(),
        }
        missing = [name for name, value in given.items() if not value]
        if 0 < len(missing) < len(given):
            raise ValueError(_HALF % {"missing": ", ".join(missing)})
        return self

    @model_validator(mode="after")
    def _bucket_is_not_in_the_host_too(self) -> "S3":
        host = urlsplit(self.endpoint_url).hostname or ""
        if self.bucket_name and host.startswith(f"{self.bucket_name.lower()}."):
            raise ValueError(
                _(
                    "S3_ENDPOINT_URL begins with the bucket: leave it to S3_BUCKET_NAME, or objects"
                    " get wrong keys (S3_FORCE_PATH_STYLE=false puts it there)"
                )
            )
        return self

    @field_validator("region")
    @classmethod
    def _a_region(cls, value: str) -> str:
        if not _REGION.fullmatch(value):
            raise ValueError(_("a region is letters, digits and hyphens, such as ru-central-1"))
        return value

    @field_validator("endpoint_url")
    @classmethod
    def _only_an_address(cls, value: str) -> str:
        """Refuse whatever S3 would take for a part of the key, or boto3 for no address at all."""
        address = urlsplit(value)
        if address.scheme not in {"http", "https"} or not _is_host(address):
            raise ValueError(_("an address such as https://s3.example.org is expected"))
        if address.username is not None or address.query or address.fragment:
            raise ValueError(
                _("only scheme, host and port are expected, without names and options")
            )
        if address.path not in {"", "/"}:
            raise ValueError(
                _("an address without a path is expected; the bucket stands in S3_BUCKET_NAME")
            )
        origin_of(value)  # raises OddHost, a ValueError, for an address such as 0x7f.1
        return value.removesuffix("/")

    @field_validator("bucket_name")
    @classmethod
    def _only_a_name(cls, value: str) -> str:
        if value and not _BUCKET.fullmatch(value):
            raise ValueError(
                _(
                    "the name of a bucket is expected, without folders; the address stands in"
                    " S3_ENDPOINT_URL"
                )
            )
        return value

    @field_validator("ca_bundle")
    @classmethod
    def _has_certificates(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        if not value.is_file():
            raise ValueError(_("no such file; name one with the certificates to trust, in PEM"))
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=value)
        except ssl.SSLError as error:
            raise ValueError(
                _(
                    "there is no certificate in this file (is it a key?); name one with the"
                    " certificates to trust, in PEM"
                )
            ) from error
        except OSError as error:
            raise ValueError(_UNREADABLE % {"why": error.strerror}) from error
        return value

    @property
    def certificates(self) -> bool | str:
        """Certificates to trust, as boto3 takes them: True (the usual), a path, or False (any)."""
        return str(self.ca_bundle) if self.verify_ssl and self.ca_bundle else self.verify_ssl

    @property
    def configured(self) -> bool:
        return bool(self.access_key_id)

    def limits(self) -> Limits:
        return Limits(
            total_bytes=int(self.total_limit_gb * GIB),
            emergency_bytes=int(self.emergency_threshold_gb * GIB),
            tenant_bytes=int(self.per_tenant_limit_gb * GIB),
            by_type={
                "media": int(self.media_max_gb * GIB),
                "vision": int(self.vision_max_gb * GIB),
                "crawl": int(self.crawl_max_gb * GIB),
                "album": int(self.album_max_gb * GIB),
            },
        )

    def cleanup(self) -> Cleanup:
        """Build the cleanup settings; the target is never above the emergency threshold."""
        target_gb = min(self.target_after_cleanup_gb, self.emergency_threshold_gb)
        return Cleanup(
            enabled=self.enable_emergency_cleanup,
            target_bytes=int(target_gb * GIB),
            ttl={
                "media": timedelta(days=self.media_ttl_days),
                "vision": timedelta(days=self.vision_ttl_days),
                "crawl": timedelta(days=self.crawl_ttl_days),
                "album": timedelta(days=self.album_ttl_days),
            },
            abort_uploads_after=timedelta(days=self.abort_multipart_days),
            check_every=timedelta(hours=self.cleanup_check_interval_hours),
        )


def _is_host(address: SplitResult) -> bool:
    """Whether the address has a host that boto3 takes, and a port that is one."""
    try:
        host, _ = address.hostname or "", address.port
        if ":" in host:
            return bool(ip_address(host))
    except ValueError:
        return False
    return bool(_HOST.fullmatch(host))
