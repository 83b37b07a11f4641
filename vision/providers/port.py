"""The port of everything that can look at a picture."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, model_validator

from events.errors import DomainError, RetryLater

SCHEMA_VERSION = "1.0"
"""Version of `Analysis`; part of the cache key, so that old answers are never misread."""

ClassificationType = Literal["photo", "meme", "document", "screenshot", "infographic", "other"]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class ErrorClass(StrEnum):
    """What kind of failure a call met (CONTRACT §2.5): a closed set, fit for metric labels."""

    RETRYABLE_NETWORK = "retryable_network"
    RETRYABLE_RATE_LIMIT = "retryable_rate_limit"
    RETRYABLE_SERVER_ERROR = "retryable_server_error"
    NON_RETRYABLE_VALIDATION = "non_retryable_validation"
    NON_RETRYABLE_BUSINESS = "non_retryable_business"
    NON_RETRYABLE_QUOTA = "non_retryable_quota"


class Usage(BaseModel):
    """
    The tokens of one call, as the provider returned them.

    Never computed: in recorded answers `total_tokens` is prompt + completion although some of
    the prompt came from the cache, and whether that stays so is the provider's affair.
    """

    model_config = ConfigDict(frozen=True)

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    precached_prompt_tokens: Count = 0


class OcrText(BaseModel):
    """Text read from a picture. `confidence` is the mean over its words, 0 to 1."""

    model_config = ConfigDict(frozen=True)

    text: str
    engine: str
    confidence: Share | None = None
    words: int = Field(default=0, ge=0)


class Analysis(BaseModel):
    """
    What one look at one picture found (CONTRACT §2.1).

    `model` is the one that was asked for and names the cache entry; `model_version` the one
    that says it answered. `tokens_used` is the total of `usage`, where a provider returns one.
    """

    model_config = ConfigDict(frozen=True)

    provider: Literal["gigachat", "ocr_fallback"]
    model: str
    model_version: str | None = None
    schema_version: str = SCHEMA_VERSION
    classification: ClassificationType
    description: str
    is_meme: bool = False
    labels: list[str] = Field(default_factory=list, max_length=20)
    objects: list[str] = Field(default_factory=list, max_length=10)
    scene: str | None = None
    ocr: OcrText | None = None
    nsfw_score: Share | None = None
    aesthetic_score: Share | None = None
    dominant_colors: list[str] = Field(default_factory=list, max_length=5)
    usage: Usage | None = None
    tokens_used: Count = 0
    file_id: str | None = None
    analyzed_at: datetime

    @model_validator(mode="before")
    @classmethod
    def _count_what_was_returned(cls, data: Any) -> Any:
        usage = data.get("usage") if isinstance(data, dict) else None
        if isinstance(usage, Usage):
            return data | {"tokens_used": usage.total_tokens}
        if isinstance(usage, dict):
            return {"tokens_used": usage.get("total_tokens", 0), **data}
        return data


class ProviderBusy(RetryLater):
    """
    The call failed, a later one may succeed; that says nothing about the picture.

    `after` is what the provider asked to wait (None: it did not say), `usage` what was spent all
    the same; `maybe_billed` where the picture was before the provider and no answer told.
    """

    def __init__(
        self,
        detail: str,
        *,
        error_class: ErrorClass,
        after: timedelta | None = None,
        usage: Usage | None = None,
        maybe_billed: bool = False,
    ) -> None:
        super().__init__(detail, after=after)
        self.error_class = error_class
        self.usage = usage
        self.maybe_billed = maybe_billed


class ProviderRefused(DomainError):
    """
    A definite no: asking again changes nothing. `reason` is stable.

    `usage` is what was spent all the same: an answer may be paid for and of no use.
    """

    code: ClassVar[str] = "provider_refused"
    http_status: ClassVar[int] = 422

    def __init__(
        self,
        reason: str,
        detail: str,
        *,
        error_class: ErrorClass = ErrorClass.NON_RETRYABLE_VALIDATION,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.error_class = error_class
        self.usage = usage


class ProviderMisconfigured(ProviderRefused):
    """
    No picture will be looked at until an operator acts; the message says what to check.

    The picture is not to blame: whoever can wait, or look with another provider, should.
    """

    code: ClassVar[str] = "provider_misconfigured"
    http_status: ClassVar[int] = 503

    def __init__(
        self,
        reason: str,
        detail: str,
        *,
        error_class: ErrorClass = ErrorClass.NON_RETRYABLE_BUSINESS,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(reason, detail, error_class=error_class, usage=usage)


class VisionProvider(Protocol):
    """
    Look at one picture.

    `prompt` is the text to ask with, made by `vision.policy.prompts.compose`. Adapters translate
    their SDK's errors: busy or unreachable → `ProviderBusy`, a definite no → `ProviderRefused`.
    Anything else is a bug and may crash. Safe to share between threads.
    """

    name: str
    model: str

    def analyze(self, image: bytes, *, mime: str, prompt: str, now: datetime) -> Analysis: ...


class PaidVision(VisionProvider, Protocol):
    """
    A provider whose calls are counted: places on its line are few, so nothing else is done there.

    `analyze` is `ask` of what `prepare` made; who holds a place only asks.
    """

    def prepare(self, image: bytes) -> bytes: ...

    def ask(self, prepared: bytes, *, prompt: str, now: datetime) -> Analysis: ...
