"""Variables of the audit."""

from pydantic import Field
from pydantic_settings import BaseSettings

from telegram_assistant.config.source import source


class Audit(BaseSettings):
    """Reads AUDIT_KEPT_DAYS. The table itself refuses to lose anything of the last 30 days."""

    model_config = source("AUDIT_")

    kept_days: int = Field(default=365, ge=30, le=36_500)
