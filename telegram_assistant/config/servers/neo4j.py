"""Variables of the graph."""

from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from events.sentences import gettext_noop as _
from telegram_assistant.config.source import source

EMBEDDED: Final = "embedded"
_SCHEMES: Final = {"bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"}
_EXAMPLE: Final = _(
    "it is like bolt://neo4j:7687 or neo4j+s://name.databases.neo4j.io, or embedded"
)
_ONLY: Final = _(
    "an address only: name, password and database stand in NEO4J_USER, NEO4J_PASSWORD and"
    " NEO4J_DATABASE"
)


class Neo4j(BaseSettings):
    """Reads NEO4J_* (CONTRACT §12.2, §17); without an address there is no graph."""

    model_config = source("NEO4J_")

    url: str = ""
    user: str = "neo4j"
    password: SecretStr = SecretStr("")
    database: str = "neo4j"

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url in {"", EMBEDDED}:
            return url
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise ValueError(_EXAMPLE)
        if parts.username or parts.password or parts.path.strip("/"):
            raise ValueError(f"{_ONLY}; {_EXAMPLE}")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _a_password_is_for_a_server(self) -> "Neo4j":
        if self.password.get_secret_value() and self.url in {"", EMBEDDED}:
            raise ValueError(_("NEO4J_PASSWORD is set, and NEO4J_URL names no server"))
        return self

    @property
    def configured(self) -> bool:
        return bool(self.url)

    @property
    def embedded(self) -> bool:
        """Whether the graph is the server that this installation starts by itself."""
        return self.url == EMBEDDED
