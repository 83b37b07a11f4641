"""Variables of the web server, the workers, the database and the metrics."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from events.sentences import gettext_noop as _
from telegram_assistant.config import deployment
from telegram_assistant.config.source import BASE_DIR, source

Names = Annotated[list[str], NoDecode]


class Web(BaseSettings):
    """Reads DJANGO_SECRET_KEY, ALLOWED_HOSTS, TIME_ZONE, DATABASE_URL, VAR_DIR, …"""

    model_config = source()

    django_secret_key: SecretStr | None = None
    debug: bool = False
    deployed: bool = False
    allowed_hosts: Names = list(deployment.LOOPBACK)
    csrf_trusted_origins: Names = []
    https_only: bool = False
    hsts_subdomains: bool = True
    time_zone: str = "Europe/Moscow"
    language_code: str = "ru"
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    log_format: str = Field(default="auto", pattern="^(auto|json|text)$")
    database_url: SecretStr | None = None
    embedded_postgres_memory_mb: int | None = Field(default=None, ge=16, le=1_000_000)
    var_dir: Path = BASE_DIR / "var"
    q_workers: int = Field(default=6, ge=1, le=64)

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
            raise ValueError(_("not a time zone; use a name such as Europe/Moscow")) from exc
        return value

    @field_validator("var_dir", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if value == "":
            raise ValueError(_("is empty; name a folder, or leave the variable out"))
        return value

    @field_validator("var_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @model_validator(mode="after")
    def _fit_for_others(self) -> "Web":
        if found := list(self._objections()):
            raise ValueError("\n  ".join(found))
        return self

    def _objections(self) -> Iterator[str]:
        if not self.deployed:
            return
        yield from deployment.objections(
            debug=self.debug,
            allowed_hosts=self.allowed_hosts,
            trusted_origins=self.csrf_trusted_origins,
        )
        if "https_only" in self.model_fields_set and not self.https_only:
            yield _("HTTPS_ONLY: is off, but DEPLOYED means HTTPS; leave it out")
        if key := self.django_secret_key:
            objection = deployment.key_objection(key.get_secret_value())
            yield from [f"DJANGO_SECRET_KEY: {objection}"] if objection else []

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the installation through HTTPS only."""
        return self.https_only or self.deployed

    @property
    def hsts_for(self) -> timedelta:
        """How long browsers remember that: a year, or a month where it is being tried out."""
        days = 365 if self.deployed else 30
        return timedelta(days=days if self.is_https else 0)

    def database(self) -> dict[str, Any]:
        """Build Django's DATABASES entry from DATABASE_URL, or for the embedded server."""
        if self.database_url is None:
            return {
                "ENGINE": "telegram_assistant.embedded_postgres",
                "NAME": "telegram_assistant",
                "USER": "postgres",
                "EMBEDDED_DIR": self.var_dir / "postgres",
                "EMBEDDED_MEMORY_MB": self.embedded_postgres_memory_mb,
            }
        try:
            parts = conninfo_to_dict(self.database_url.get_secret_value())
        except ProgrammingError:
            # Not chained: the error of libpq repeats the URL with its password.
            raise ImproperlyConfigured(
                _(
                    "DATABASE_URL: not a PostgreSQL URL; use postgresql://user:password@host:5432/name"
                )
            ) from None
        known = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST"}
        entry: dict[str, Any] = {"ENGINE": "django.db.backends.postgresql", "PORT": ""}
        entry |= {django: str(parts.pop(libpq, "") or "") for libpq, django in known.items()}
        entry["PORT"] = str(parts.pop("port", "") or "")
        if not entry["NAME"]:
            raise ImproperlyConfigured(_("DATABASE_URL: names no database"))
        return entry | {"OPTIONS": dict(parts)}


class Metrics(BaseSettings):
    """Reads METRICS_PORT, METRICS_HOST and METRICS_TOKEN."""

    model_config = source("METRICS_")

    port: int = Field(default=8001, ge=0, le=65535)
    host: str = Field(default="127.0.0.1", pattern=r"^[0-9A-Za-z.:_-]+$")
    token: SecretStr | None = Field(default=None, min_length=16)
