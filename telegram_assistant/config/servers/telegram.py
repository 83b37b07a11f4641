"""Variables of Telegram, live."""

from pathlib import Path
from typing import Any, Final, Literal

from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from events.sentences import Sentence
from events.sentences import gettext_noop as _
from media.sources.telegram.endpoint import Endpoint, Server
from media.sources.telegram.proxies import ProxyRefused, parse_proxy
from telegram_assistant.config.source import source

MAKE_A_KEY: Final = _("make one with `manage.py telegram_login --new-key`")
_HALF: Final = Sentence(_("Telegram is half configured: set %(missing)s too"))
_NO_KEY: Final = _("not a key of Fernet")


class Telegram(BaseSettings):
    """
    Reads TELEGRAM_* (CONTRACT §9, §17): the application of my.telegram.org, the key of the stored
    sessions, how Telegram is reached, and how fast it is asked.
    """

    model_config = source("TELEGRAM_")

    api_id: int | None = Field(default=None, ge=1)
    api_hash: SecretStr = SecretStr("")
    session_key: SecretStr = SecretStr("")
    proxy: SecretStr = SecretStr("")
    connection: Literal["full", "abridged", "intermediate", "obfuscated"] = "full"
    test_dc: str = Field(default="", pattern=r"^(\d{1,5}:.+:\d{1,5})?$")
    test_dc_public_key: Path | None = None
    requests_per_second: float = Field(default=5, gt=0, le=100)
    parallel_downloads: int = Field(default=4, ge=1, le=32)

    @field_validator("api_id", "test_dc_public_key", mode="before")
    @classmethod
    def _left_empty(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("test_dc_public_key")
    @classmethod
    def _there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.expanduser().is_file():
            raise ValueError(_("there is no such file; name a PEM file with the key of the server"))
        return value

    @field_validator("session_key")
    @classmethod
    def _keys(cls, value: SecretStr) -> SecretStr:
        for key in filter(None, value.get_secret_value().split(",")):
            try:
                Fernet(key.strip())
            except ValueError:
                raise ValueError(f"{_NO_KEY}: {MAKE_A_KEY}") from None
        return value

    @field_validator("proxy")
    @classmethod
    def _usable(cls, value: SecretStr) -> SecretStr:
        try:
            parse_proxy(value.get_secret_value())
        except ProxyRefused as refusal:
            raise ValueError(str(refusal)) from None
        return value

    @model_validator(mode="after")
    def _whole(self) -> "Telegram":
        pair = {
            "TELEGRAM_API_ID": self.api_id,
            "TELEGRAM_API_HASH": self.api_hash.get_secret_value(),
        }
        missing = [name for name, value in pair.items() if not value]
        if len(missing) == 1:
            raise ValueError(_HALF % {"missing": missing[0]})
        if bool(self.test_dc) != (self.test_dc_public_key is not None):
            raise ValueError(_("TELEGRAM_TEST_DC and TELEGRAM_TEST_DC_PUBLIC_KEY need each other"))
        return self

    @property
    def configured(self) -> bool:
        return self.api_id is not None

    @property
    def session_keys(self) -> list[str]:
        """The keys of stored sessions; the first one encrypts, all of them decrypt."""
        return [k.strip() for k in self.session_key.get_secret_value().split(",") if k.strip()]

    def endpoint(self) -> Endpoint:
        """Put together how Telegram is reached; ask `configured` first."""
        return Endpoint(
            api_id=self.api_id or 0,
            api_hash=self.api_hash.get_secret_value(),
            proxy=parse_proxy(self.proxy.get_secret_value()),
            transport=self.connection,
            server=self._server(),
            requests_per_second=self.requests_per_second,
            parallel_downloads=self.parallel_downloads,
        )

    def _server(self) -> Server | None:
        if not self.test_dc or self.test_dc_public_key is None:
            return None
        dc, _, place = self.test_dc.partition(":")
        host, _, port = place.rpartition(":")
        key = self.test_dc_public_key.expanduser().read_text(encoding="ascii")
        return Server(int(dc), host.strip("[]"), int(port), key)
