"""Variables of picture analysis, of documents and of albums."""

from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from telegram_assistant.config.source import BASE_DIR, source

_CEILING: Final = "4096"
_ONE: Final = r"([A-Za-z0-9._:-]{1,100}=)?[1-9][0-9]{0,6}"
_CEILINGS: Final = rf"^{_ONE}(,{_ONE})*$"
"""A number for all models, and `MODEL=number` for one of them, separated by commas."""


class Vision(BaseSettings):
    """Reads FEATURE_VISION_ENABLED, VISION_*, TAGGER and TAGGING_* (CONTRACT §17)."""

    model_config = source()

    feature_vision_enabled: bool = True
    vision_policy_config_path: Path = BASE_DIR / "vision" / "vision_policy.yml"
    vision_ocr_languages: str = Field(default="rus+eng", pattern=r"^[a-z_]{3,}(\+[a-z_]{3,})*$")
    vision_ocr_timeout_sec: float = Field(default=60, gt=0, le=600)
    vision_max_pixels: int = Field(default=50_000_000, ge=1, le=89_478_485)  # Pillow's own limit
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
    vision_tokens_ceiling: str = Field(default="4096", pattern=_CEILINGS)
    vision_queue_when_exhausted: bool = True
    vision_api_max_retries: int = Field(default=3, ge=0, le=20)
    vision_price_rub_per_1000_tokens: float | None = Field(default=None, ge=0, le=1000)
    vision_price_date: date | None = None
    tagger: Literal["local", "gigachat"] = "local"
    tagging_model: str = Field(default="", max_length=100)
    tagging_seconds: float = Field(default=30, gt=0, le=300)
    tagging_max_output_tokens: int = Field(default=400, ge=50, le=8192)
    tagging_min_chars: int = Field(default=80, ge=0, le=10_000)
    vision_live_hours: float = Field(default=24, gt=0, le=8784)

    @field_validator(
        "vision_max_daily_tokens",
        "vision_max_monthly_tokens",
        "vision_price_rub_per_1000_tokens",
        "vision_price_date",
        mode="before",
    )
    @classmethod
    def _left_empty(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("vision_tokens_ceiling", mode="before")
    @classmethod
    def _ceiling_left_empty(cls, value: Any) -> Any:
        return value or _CEILING

    def tokens_ceiling(self, model: str) -> int:
        """The configured ceiling of the longest name that `model` begins with, else the bare one."""
        pairs = [part.rpartition("=") for part in self.vision_tokens_ceiling.split(",")]
        found = {name: int(tokens) for name, _, tokens in pairs if model.startswith(name)}
        return found[max(found, key=len)] if found else int(_CEILING)


class Documents(BaseSettings):
    """Reads FEATURE_DOCUMENT_TEXT_ENABLED and DOCUMENT_*."""

    model_config = source()

    feature_document_text_enabled: bool = True
    document_max_pages: int = Field(default=300, ge=1, le=10_000)
    document_max_chars: int = Field(default=100_000, ge=1000, le=100_000)
    document_max_unpacked_mb: int = Field(default=200, ge=1, le=4096)
    document_timeout_sec: float = Field(default=60, gt=0, le=300)
    document_memory_mb: int = Field(default=1024, ge=256, le=65_536)
    document_ocr_max_pages: int = Field(default=10, ge=0, le=1000)
    document_ocr_timeout_sec: float = Field(default=240, gt=0, le=600)


class Albums(BaseSettings):
    """Reads ALBUM_*."""

    model_config = source("ALBUM_")

    timeout_minutes: float = Field(default=15, gt=0, le=525_600)
