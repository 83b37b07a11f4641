"""Variables of GigaChat."""

import base64
import binascii
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from events.sentences import Sentence
from events.sentences import gettext_noop as _
from telegram_assistant.config.source import source

DEFAULT_MODEL: Final = "GigaChat-2-Pro"
"""The cheapest model that GigaChat's documentation names for pictures (July 2026)."""

_HALF = Sentence(_("GigaChat is half configured: set %(missing)s too"))


class GigaChat(BaseSettings):
    """
    Reads GIGACHAT_* (CONTRACT §2.3, §17).

    The key is GIGACHAT_CREDENTIALS, or else made of GIGACHAT_CLIENT_ID and
    GIGACHAT_CLIENT_SECRET. The model is GIGACHAT_VISION_MODEL, else GIGACHAT_MODEL, else
    DEFAULT_MODEL.
    """

    model_config = source("GIGACHAT_")

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
    vision_timeout: float = Field(default=90, gt=0, le=3600)
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
            raise ValueError(_("there is no such file; name a PEM file of certificates"))
        return value and value.expanduser().absolute()

    @field_validator("credentials")
    @classmethod
    def _an_authorization_key(cls, value: SecretStr) -> SecretStr:
        """Refuse a client secret pasted by mistake: GigaChat's console shows both side by side."""
        key = value.get_secret_value()
        try:
            decoded = base64.b64decode(key, validate=True)
        except (binascii.Error, ValueError):
            decoded = b""
        if key and b":" not in decoded:
            raise ValueError(_("not an authorization key: base64 of client_id:client_secret"))
        return value

    @model_validator(mode="after")
    def _both_or_neither(self) -> "GigaChat":
        pair = {
            "GIGACHAT_CLIENT_ID": self.client_id,
            "GIGACHAT_CLIENT_SECRET": self.client_secret.get_secret_value(),
        }
        missing = [name for name, value in pair.items() if not value]
        if len(missing) == 1 and not self.credentials.get_secret_value():
            raise ValueError(_HALF % {"missing": missing[0]})
        return self

    @property
    def configured(self) -> bool:
        return bool(self.authorization_key.get_secret_value())

    @property
    def authorization_key(self) -> SecretStr:
        """Base64 of client_id:client_secret; empty if nothing is configured."""
        if self.credentials.get_secret_value() or not self.client_id:
            return self.credentials
        pair = f"{self.client_id}:{self.client_secret.get_secret_value()}"
        return SecretStr(base64.b64encode(pair.encode()).decode())

    @property
    def model_name(self) -> str:
        return self.vision_model or self.model or DEFAULT_MODEL

    @property
    def concurrent_requests(self) -> int:
        """The number configured, else what the scope allows: 1 for persons, 10 for others."""
        return self.max_concurrent_requests or (1 if self.scope == "GIGACHAT_API_PERS" else 10)
