"""Variables of the history of posts."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings

from telegram_assistant.config.source import source


class History(BaseSettings):
    """Reads HISTORY_*."""

    model_config = source("HISTORY_")

    mass_deletion_share: float = Field(default=0.2, gt=0, le=1)
    mass_deletion_minutes: int = Field(default=60, ge=1, le=10_080)

    @property
    def mass_deletion_within(self) -> timedelta:
        """Deletions that are no further apart belong together."""
        return timedelta(minutes=self.mass_deletion_minutes)
