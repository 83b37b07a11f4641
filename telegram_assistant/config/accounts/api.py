"""Variables of the HTTP API: who asks, how often, and how long tokens are valid."""

from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

from accounts.rate_limits.rate import Rates, parse
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from telegram_assistant.config.source import source

_MORE = Sentence(_("%(days)s is more than API_TOKEN_MAX_DAYS (%(most)s)"))


class Api(BaseSettings):
    """Reads TRUSTED_PROXIES, API_RATE_PER_TOKEN, API_TOKEN_DAYS, …"""

    model_config = source()

    trusted_proxies: int = Field(default=0, ge=0, le=10)
    api_rate_per_token: str = "600/min"  # noqa: S105 - no password
    api_rate_per_user: str = "600/min"
    api_rate_per_address: str = "60/min"
    api_rate_of_failures: str = "20/min"
    api_rate_of_questions: str = "20/min"
    api_token_days: int = Field(default=90, ge=1)
    api_token_max_days: int = Field(default=365, ge=1, le=3650)

    @field_validator(
        "api_rate_per_token",
        "api_rate_per_user",
        "api_rate_per_address",
        "api_rate_of_failures",
        "api_rate_of_questions",
    )
    @classmethod
    def _is_rate(cls, value: str) -> str:
        parse(value)
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.api_token_days > self.api_token_max_days:
            raise ValueError(
                "API_TOKEN_DAYS: "
                + _MORE % {"days": self.api_token_days, "most": self.api_token_max_days}
            )
        return self

    def rates(self) -> Rates:
        return Rates(
            per_token=parse(self.api_rate_per_token),
            per_user=parse(self.api_rate_per_user),
            per_address=parse(self.api_rate_per_address),
            failures=parse(self.api_rate_of_failures),
            questions=parse(self.api_rate_of_questions),
        )
