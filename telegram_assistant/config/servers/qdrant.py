"""Variables of Qdrant, the other index of the search."""

import re
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from events.outbound.hosts import origin_of
from events.sentences import gettext_noop as _
from telegram_assistant.config.source import source

PORT: Final = 6333
_COLLECTION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_EXAMPLE: Final = _("it is like http://qdrant:6333 or https://name.cloud.qdrant.io:6333")
_ONLY: Final = _("an address only, the key stands in QDRANT_API_KEY")


class Qdrant(BaseSettings):
    """Reads QDRANT_* (CONTRACT §12.1, §17); without an address there is no Qdrant."""

    model_config = source("QDRANT_")

    url: str = ""
    api_key: SecretStr = SecretStr("")
    collection: str = "telegram_posts"

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        """Add Qdrant's port where there is none, as its own clients do."""
        if not url:
            return url
        origin = origin_of(url) if "://" in url else None  # raises OddHost, which is a ValueError
        parts = urlsplit(url)
        if origin is None or parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(_EXAMPLE)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(f"{_ONLY}; {_EXAMPLE}")
        if parts.port is None:
            return f"{origin._replace(port=PORT)}{parts.path.rstrip('/')}"
        return url.rstrip("/")

    @field_validator("collection")
    @classmethod
    def _is_a_name(cls, collection: str) -> str:
        if not _COLLECTION.fullmatch(collection):
            raise ValueError(_("Latin letters, digits, - and _ only, at most 100"))
        return collection

    @model_validator(mode="after")
    def _a_key_is_for_an_address(self) -> "Qdrant":
        if self.api_key.get_secret_value() and not self.url:
            raise ValueError(_("QDRANT_API_KEY is set, and QDRANT_URL is not"))
        return self

    @property
    def configured(self) -> bool:
        return bool(self.url)
