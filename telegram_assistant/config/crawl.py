"""Variables of crawling."""

from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from events.outbound.hosts import OddHost, canonical
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from telegram_assistant.config.source import source

_NO_HOST: Final = Sentence(_("%(name)s is no name of a host; write it as in example.org"))


class Crawl(BaseSettings):
    """Reads FEATURE_CRAWL_ENABLED, MAX_CONCURRENT_CRAWLS, CRAWL_* and CRAWL4AI_* (CONTRACT §13)."""

    model_config = source()

    feature_crawl_enabled: bool = False
    max_concurrent_crawls: int = Field(default=3, ge=1, le=32)
    crawl_per_domain: int = Field(default=2, ge=1, le=16)
    crawl_requests_per_minute: float = Field(default=10, gt=0, le=6000)
    crawl_tenant_pages_per_day: int = Field(default=300, ge=0, le=1_000_000)
    crawl_domain_pages_per_hour: int = Field(default=60, ge=0, le=1_000_000)
    crawl_fresh_minutes: float = Field(default=60, ge=0, le=525_600)
    crawl_max_bytes: int = Field(default=10_485_760, ge=1024, le=104_857_600)
    crawl_timeout_sec: float = Field(default=15, gt=0, le=120)
    crawl_max_redirects: int = Field(default=3, ge=0, le=10)
    crawl_links_per_post: int = Field(default=10, ge=1, le=100)
    crawl_min_word_count: int = Field(default=50, ge=0, le=100_000)
    crawl_min_text_length: int = Field(default=200, ge=0, le=100_000)
    crawl_trigger_tags: str = ""
    crawl_deny_hosts: str = "localhost,127.0.0.1,t.me,telegram.me,telegram.dog"
    crawl_allow_hosts: str = ""
    crawl_user_agent: str = Field(
        default="TelegramAssistant/1.0",
        pattern=r"^[A-Za-z][A-Za-z_-]*(/[\x21-\x7e]+)?( [\x20-\x7e]*)?$",
    )

    crawl4ai_url: str = Field(default="", pattern=r"^(https?://[^\s/]+/?)?$")
    crawl4ai_api_token: SecretStr = SecretStr("")
    crawl4ai_timeout_sec: float = Field(default=60, gt=0, le=300)

    @field_validator("crawl_deny_hosts", "crawl_allow_hosts")
    @classmethod
    def _as_compared(cls, value: str) -> str:
        """As addresses have them: a host that is written otherwise would be denied to nobody."""
        return ",".join(_host(name) for part in value.split(",") if (name := part.strip()))

    def names(
        self, which: Literal["crawl_trigger_tags", "crawl_deny_hosts", "crawl_allow_hosts"]
    ) -> list[str]:
        """The names of a list, in small letters."""
        return [name for part in getattr(self, which).split(",") if (name := part.strip().lower())]


def _host(name: str) -> str:
    try:
        # Those below it are meant anyway.
        return canonical(name.removeprefix("*").removeprefix("."))
    except OddHost as odd:
        raise ValueError(_NO_HOST % {"name": name}) from odd
