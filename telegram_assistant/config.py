"""
The environment, typed and checked at start.

Every variable is read here and nowhere else. A bad value stops the process with a
message that names the variable; nothing falls back silently.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from storage_quota.units import GIB

BASE_DIR = Path(__file__).resolve().parent.parent
MOST_GB = 1_000_000
"""A petabyte; more is a slip of the pen, and infinity is no number of bytes."""
Names = Annotated[list[str], NoDecode]


def _source(prefix: str = "") -> SettingsConfigDict:
    return SettingsConfigDict(
        env_prefix=prefix, env_file=BASE_DIR / ".env", extra="ignore", frozen=True
    )


class Web(BaseSettings):
    """Reads DJANGO_SECRET_KEY, ALLOWED_HOSTS, TIME_ZONE, DATABASE_URL, VAR_DIR, …"""

    model_config = _source()

    django_secret_key: SecretStr | None = None
    debug: bool = False
    allowed_hosts: Names = ["localhost", "127.0.0.1", "[::1]"]
    csrf_trusted_origins: Names = []
    https_only: bool = False
    time_zone: str = "Europe/Moscow"
    language_code: str = "ru"
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    database_url: SecretStr | None = None
    var_dir: Path = BASE_DIR / "var"
    q_workers: int = Field(default=4, ge=1, le=64)

    @field_validator("allowed_hosts", "csrf_trusted_origins", mode="before")
    @classmethod
    def _comma_separated(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
            raise ValueError("not a time zone; use a name such as Europe/Moscow") from exc
        return value

    @field_validator("var_dir", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if value == "":
            raise ValueError("is empty; name a folder, or leave the variable out")
        return value

    @field_validator("var_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    def database(self) -> dict[str, Any]:
        """Django's DATABASES entry: DATABASE_URL, or the embedded server under VAR_DIR."""
        if self.database_url is None:
            return {
                "ENGINE": "telegram_assistant.embedded_postgres",
                "NAME": "telegram_assistant",
                "USER": "postgres",
                "EMBEDDED_DIR": self.var_dir / "postgres",
            }
        try:
            parts = conninfo_to_dict(self.database_url.get_secret_value())
        except ProgrammingError:
            # Not chained: libpq repeats the URL, with its password, in what it complains of.
            raise ImproperlyConfigured(
                "DATABASE_URL: not a PostgreSQL URL; use postgresql://user:password@host:5432/name"
            ) from None
        known = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST"}
        entry: dict[str, Any] = {"ENGINE": "django.db.backends.postgresql", "PORT": ""}
        entry |= {django: str(parts.pop(libpq, "") or "") for libpq, django in known.items()}
        entry["PORT"] = str(parts.pop("port", "") or "")
        if not entry["NAME"]:
            raise ImproperlyConfigured("DATABASE_URL: names no database")
        return entry | {"OPTIONS": dict(parts)}


@dataclass(frozen=True, slots=True)
class Limits:
    """How many bytes may lie in the bucket (CONTRACT §7.1). Reaching a limit exactly is allowed."""

    total_bytes: int
    emergency_bytes: int
    tenant_bytes: int
    by_type: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Cleanup:
    """When objects leave (CONTRACT §6.4, §7.6). `ttl` is by content type."""

    enabled: bool
    target_bytes: int
    ttl: Mapping[str, timedelta]
    abort_uploads_after: timedelta
    check_every: timedelta


class S3(BaseSettings):
    """Reads S3_ENDPOINT_URL, S3_BUCKET_NAME, S3_TOTAL_LIMIT_GB, … (CONTRACT §6.1, §7.1)."""

    model_config = _source("S3_")

    endpoint_url: str = Field(default="https://s3.cloud.ru", pattern=r"^https?://[^\s/]+")
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

    total_limit_gb: float = Field(default=15, gt=0, le=MOST_GB)
    emergency_threshold_gb: float = Field(default=14, gt=0, le=MOST_GB)
    per_tenant_limit_gb: float = Field(default=2, gt=0, le=MOST_GB)
    media_max_gb: float = Field(default=10, gt=0, le=MOST_GB)
    vision_max_gb: float = Field(default=2, gt=0, le=MOST_GB)
    crawl_max_gb: float = Field(default=2, gt=0, le=MOST_GB)
    album_max_gb: float = Field(default=1, gt=0, le=MOST_GB)

    enable_emergency_cleanup: bool = True
    target_after_cleanup_gb: float = Field(default=12, ge=0, le=MOST_GB)
    cleanup_check_interval_hours: float = Field(default=6, ge=0.1, le=8760)
    media_ttl_days: int = Field(default=30, ge=1, le=36_500)
    vision_ttl_days: int = Field(default=14, ge=1, le=36_500)
    crawl_ttl_days: int = Field(default=7, ge=1, le=36_500)
    album_ttl_days: int = Field(default=14, ge=1, le=36_500)
    abort_multipart_days: int = Field(default=1, ge=1, le=365)

    @model_validator(mode="after")
    def _emergency_comes_first(self) -> "S3":
        if self.emergency_threshold_gb >= self.total_limit_gb:
            raise ValueError("S3_EMERGENCY_THRESHOLD_GB must be below S3_TOTAL_LIMIT_GB")
        return self

    @model_validator(mode="after")
    def _cleaning_up_helps(self) -> "S3":
        named = "target_after_cleanup_gb" in self.model_fields_set
        if named and self.target_after_cleanup_gb > self.emergency_threshold_gb:
            raise ValueError(
                "S3_TARGET_AFTER_CLEANUP_GB must not be above S3_EMERGENCY_THRESHOLD_GB"
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
            raise ValueError(f"S3 is half configured: set {', '.join(missing)} too")
        return self

    @field_validator("ca_bundle")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("no such file; name one with the certificates to trust, in PEM")
        return value

    @property
    def certificates(self) -> bool | str:
        """What the server's certificate is checked against: the usual ones, a file's, none."""
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
        """Where a small bucket leaves the default target behind, the threshold is the target."""
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


class Vision(BaseSettings):
    """Reads FEATURE_VISION_ENABLED and VISION_* (CONTRACT §17)."""

    model_config = _source()

    feature_vision_enabled: bool = True
    vision_policy_config_path: Path = BASE_DIR / "vision" / "vision_policy.yml"
    vision_ocr_languages: str = Field(default="rus+eng", pattern=r"^[a-z_]{3,}(\+[a-z_]{3,})*$")
    vision_ocr_timeout_sec: float = Field(default=60, gt=0, le=600)
    vision_max_pixels: int = Field(default=50_000_000, ge=1)
    vision_phash_enabled: bool = True
    vision_phash_hash_size: int = Field(default=16, ge=8, le=32, multiple_of=2)
    vision_phash_max_distance: int = Field(default=10, ge=0, le=12)
    vision_max_output_tokens: int = Field(default=512, ge=64, le=8192)
    vision_preprocess_max_dim: int = Field(default=1024, ge=64, le=4096)
    vision_preprocess_grayscale: bool = False
    vision_preprocess_jpeg_quality: int = Field(default=75, ge=1, le=95)
    vision_max_daily_tokens: int | None = Field(default=None, ge=0)
    vision_max_monthly_tokens: int | None = Field(default=None, ge=0)
    vision_tokens_estimate: int = Field(default=1792, ge=1, le=1_000_000)
    vision_queue_when_exhausted: bool = True
    vision_api_max_retries: int = Field(default=3, ge=0, le=20)
    vision_price_rub_per_1000_tokens: float | None = Field(default=None, ge=0, le=1000)
    vision_live_hours: float = Field(default=24, gt=0, le=8784)

    @field_validator(
        "vision_max_daily_tokens", "vision_max_monthly_tokens",
        "vision_price_rub_per_1000_tokens", mode="before",
    )  # fmt: skip
    @classmethod
    def _left_empty(cls, value: Any) -> Any:
        return None if value == "" else value


class GigaChat(BaseSettings):
    """
    Reads GIGACHAT_* (CONTRACT §2.3, §17).

    The key is one value (GIGACHAT_CREDENTIALS) or the pair it is made of; given both, the one
    value counts. The model is GIGACHAT_VISION_MODEL, else GIGACHAT_MODEL, else the contract's.
    """

    model_config = _source("GIGACHAT_")

    credentials: SecretStr = SecretStr("")
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    scope: Literal["GIGACHAT_API_PERS", "GIGACHAT_API_B2B", "GIGACHAT_API_CORP"] = (
        "GIGACHAT_API_PERS"
    )
    base_url: str = Field(default="https://api.giga.chat/v1", pattern=r"^https?://[^\s/]+")
    auth_url: str = Field(
        default="https://ngw.devices.sberbank.ru:9443/api/v2/oauth", pattern=r"^https?://[^\s/]+"
    )
    verify_ssl: bool = True
    ca_bundle_file: Path | None = None
    vision_model: str = ""
    model: str = ""
    vision_timeout: float = Field(default=600, gt=0, le=3600)
    max_concurrent_requests: int | None = Field(default=None, ge=1, le=1000)
    circuit_breaker_failure_threshold: int = Field(default=5, ge=1, le=1000)
    circuit_breaker_recovery_timeout: float = Field(default=60, gt=0, le=86_400)

    @field_validator("ca_bundle_file", "max_concurrent_requests", mode="before")
    @classmethod
    def _left_empty(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("ca_bundle_file")
    @classmethod
    def _there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.expanduser().is_file():
            raise ValueError("there is no such file; name a PEM file of certificates")
        return value and value.expanduser().absolute()

    @field_validator("credentials")
    @classmethod
    def _an_authorization_key(cls, value: SecretStr) -> SecretStr:
        """The console calls it authorization key; a client secret pasted here would never work."""
        key = value.get_secret_value()
        try:
            decoded = base64.b64decode(key, validate=True)
        except (binascii.Error, ValueError):
            decoded = b""
        if key and b":" not in decoded:
            raise ValueError("not an authorization key: base64 of client_id:client_secret")
        return value

    @model_validator(mode="after")
    def _both_or_neither(self) -> "GigaChat":
        pair = {
            "GIGACHAT_CLIENT_ID": self.client_id,
            "GIGACHAT_CLIENT_SECRET": self.client_secret.get_secret_value(),
        }
        missing = [name for name, value in pair.items() if not value]
        if len(missing) == 1 and not self.credentials.get_secret_value():
            raise ValueError(f"GigaChat is half configured: set {missing[0]} too")
        return self

    @property
    def configured(self) -> bool:
        return bool(self.authorization_key.get_secret_value())

    @property
    def authorization_key(self) -> SecretStr:
        """Base64 of client_id:client_secret; empty where nothing is configured."""
        if self.credentials.get_secret_value() or not self.client_id:
            return self.credentials
        pair = f"{self.client_id}:{self.client_secret.get_secret_value()}"
        return SecretStr(base64.b64encode(pair.encode()).decode())

    @property
    def model_name(self) -> str:
        return self.vision_model or self.model or "GigaChat-Pro"

    @property
    def concurrent_requests(self) -> int:
        """As many as are set; else what the scope allows: 1 for private persons, 10 for others."""
        return self.max_concurrent_requests or (1 if self.scope == "GIGACHAT_API_PERS" else 10)


class Albums(BaseSettings):
    """Reads ALBUM_*."""

    model_config = _source("ALBUM_")

    timeout_minutes: float = Field(default=15, gt=0, le=525_600)


class Metrics(BaseSettings):
    """Reads METRICS_PORT, METRICS_HOST and METRICS_TOKEN."""

    model_config = _source("METRICS_")

    port: int = Field(default=8001, ge=0, le=65535)
    host: str = Field(default="127.0.0.1", pattern=r"^[0-9A-Za-z.:_-]+$")
    token: SecretStr | None = Field(default=None, min_length=16)


@dataclass(frozen=True, slots=True)
class Environment:
    web: Web
    s3: S3
    vision: Vision
    gigachat: GigaChat
    albums: Albums
    metrics: Metrics


def read() -> Environment:
    """The whole environment, or ImproperlyConfigured listing every variable that is wrong."""
    groups: dict[str, type[BaseSettings]] = {
        "web": Web, "s3": S3, "vision": Vision, "gigachat": GigaChat,
        "albums": Albums, "metrics": Metrics,
    }  # fmt: skip
    values: dict[str, Any] = {}
    complaints: list[str] = []
    for name, group in groups.items():
        try:
            values[name] = group()
        except ValidationError as exc:
            complaints += _complaints(group, exc)
    if complaints:
        raise ImproperlyConfigured("The environment is not usable:\n  " + "\n  ".join(complaints))
    return Environment(**values)


def _complaints(group: type[BaseSettings], error: ValidationError) -> list[str]:
    prefix = str(group.model_config.get("env_prefix", ""))
    return [_complaint(prefix, problem["loc"], problem["msg"]) for problem in error.errors()]


def _complaint(prefix: str, location: tuple[int | str, ...], message: str) -> str:
    """Values are left out on purpose: they may be secrets."""
    text = message.removeprefix("Value error, ")
    if not location:
        return text
    return f"{prefix}{str(location[0]).upper()}: {text}"
