"""The port of vision providers: what they take, return and raise."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Annotated, Any, ClassVar, Literal, Protocol

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator

from events.errors import DomainError, RetryLater

SCHEMA_VERSION = "1.0"
"""Version of `Analysis`; part of the cache key, so that results of an older shape are never read."""

ClassificationType = Literal["photo", "meme", "document", "screenshot", "infographic", "other"]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class ErrorClass(StrEnum):
    """The kind of a failed call (CONTRACT §2.5): a closed set, fit for metric labels."""

    RETRYABLE_NETWORK = "retryable_network"
    RETRYABLE_RATE_LIMIT = "retryable_rate_limit"
    RETRYABLE_SERVER_ERROR = "retryable_server_error"
    NON_RETRYABLE_VALIDATION = "non_retryable_validation"
    NON_RETRYABLE_BUSINESS = "non_retryable_business"
    NON_RETRYABLE_QUOTA = "non_retryable_quota"


class FailureKind(Enum):
    """
    What a failed call says about the picture, the provider and the bill.

    `vision.analysis.failures` has the table of what follows from each.
    """

    REFUSED = auto()
    """The provider works and refuses this picture: asking again changes nothing."""
    MISCONFIGURED = auto()
    """No picture will be analyzed before an operator acts; the picture is not to blame."""
    THROTTLED = auto()
    """Too many requests: a later call may succeed."""
    UNAVAILABLE = auto()
    """The provider could not be reached, or failed; nothing but `usage` was billed."""
    UNANSWERED = auto()
    """As UNAVAILABLE, but the picture had arrived there: the call may have been billed."""


class TokenUsage(BaseModel):
    """
    The tokens of one call, as the provider returned them.

    `total_tokens` is taken from the answer and never computed. In recorded answers it equals
    prompt + completion, including the part of the prompt that came from the provider's cache, but
    GigaChat documents no such formula.
    """

    model_config = ConfigDict(frozen=True)

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    precached_prompt_tokens: Count = 0


class OcrText(BaseModel):
    """Text recognized in a picture. `confidence` is the mean over its words, 0 to 1."""

    model_config = ConfigDict(frozen=True)

    text: str
    engine: str
    confidence: Share | None = None
    words: int = Field(default=0, ge=0)


class Analysis(BaseModel):
    """
    The result for one picture (CONTRACT §2.1).

    `model` is the model that was requested and names the cache entry; `model_version` is the model
    that the answer names. `tokens_used` is the total of `usage`, where a provider returns one.
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
    usage: TokenUsage | None = None
    tokens_used: Count = 0
    file_id: str | None = None
    analyzed_at: datetime

    @model_validator(mode="before")
    @classmethod
    def _tokens_from_usage(cls, data: Any) -> Any:
        """Fill `tokens_used` from `usage`; a stored result keeps the `tokens_used` it has."""
        usage = data.get("usage") if isinstance(data, dict) else None
        if isinstance(usage, TokenUsage):
            return data | {"tokens_used": usage.total_tokens}
        if isinstance(usage, dict):
            return {"tokens_used": usage.get("total_tokens", 0), **data}
        return data


class ProviderBusy(RetryLater):
    """
    The call failed for a reason that is not the picture's; a later call may succeed.

    `after` is the wait that the provider asked for (None: it did not), `usage` the tokens that the
    failed call cost. `maybe_billed`: the request was sent and no answer arrived, so the call may
    have cost tokens.
    """

    def __init__(
        self,
        detail: str,
        *,
        error_class: ErrorClass,
        after: timedelta | None = None,
        usage: TokenUsage | None = None,
        maybe_billed: bool = False,
    ) -> None:
        super().__init__(detail, after=after)
        self.error_class = error_class
        self.usage = usage
        self.maybe_billed = maybe_billed

    @property
    def kind(self) -> FailureKind:
        if self.maybe_billed:
            return FailureKind.UNANSWERED
        if self.error_class == ErrorClass.RETRYABLE_RATE_LIMIT:
            return FailureKind.THROTTLED
        return FailureKind.UNAVAILABLE


class ProviderRefused(DomainError):
    """
    The provider refused the picture for good: the same call would be refused again.

    `reason` is a stable code, see `vision.reasons`. `usage` is the tokens that the call cost: an
    answer can be billed and unusable.
    """

    code: ClassVar[str] = "provider_refused"
    http_status: ClassVar[int] = 422
    kind: ClassVar[FailureKind] = FailureKind.REFUSED

    def __init__(
        self,
        reason: str,
        detail: str,
        *,
        error_class: ErrorClass = ErrorClass.NON_RETRYABLE_VALIDATION,
        usage: TokenUsage | None = None,
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.error_class = error_class
        self.usage = usage


class ProviderMisconfigured(ProviderRefused):
    """
    The provider analyzes no picture until an operator acts; the message says what to check.

    The picture is not the reason, so callers should wait or use another provider.
    """

    code: ClassVar[str] = "provider_misconfigured"
    http_status: ClassVar[int] = 503
    kind: ClassVar[FailureKind] = FailureKind.MISCONFIGURED

    def __init__(
        self,
        reason: str,
        detail: str,
        *,
        error_class: ErrorClass = ErrorClass.NON_RETRYABLE_BUSINESS,
        usage: TokenUsage | None = None,
    ) -> None:
        super().__init__(reason, detail, error_class=error_class, usage=usage)


class VisionProvider(Protocol):
    """
    Analyzes one picture per call. Safe to share between threads.

    `prompt` is made by `vision.policy.prompts.compose`. Adapters translate their SDK's errors:
    busy or unreachable → `ProviderBusy`, refused for good → `ProviderRefused`. Any other exception
    is a bug.
    """

    name: str
    model: str

    def analyze(self, image: bytes, *, mime: str, prompt: str, now: datetime) -> Analysis: ...


class PaidVision(VisionProvider, Protocol):
    """
    A provider that costs tokens and allows few calls at once.

    `analyze` is split in two, so that a caller enters the concurrency limit only for the network:
    `prepare` decodes and shrinks the picture, `analyze_prepared` makes the call. What is to be done
    at the provider after the answer goes to `afterwards`: the caller saves the answer first.
    """

    def prepare(self, image: bytes, *, decode: Callable[[], Image.Image] | None = None) -> bytes:
        """`decode` returns the picture whole, for a caller who needs it decoded, too."""
        ...

    def analyze_prepared(
        self, prepared: bytes, *, prompt: str, now: datetime, afterwards: ExitStack
    ) -> Analysis: ...
