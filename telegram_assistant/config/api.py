"""Variables of the HTTP API: who asks, and how often."""

from pydantic import Field
from pydantic_settings import BaseSettings

from telegram_assistant.config.source import source


class Api(BaseSettings):
    """Reads TRUSTED_PROXIES."""

    model_config = source()

    trusted_proxies: int = Field(default=0, ge=0, le=10)
