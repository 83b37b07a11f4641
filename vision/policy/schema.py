"""Validates `vision_policy.yml`: unknown keys are errors, and all but two keys are required."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from events.errors import DomainError
from vision.policy.language import ACCEPTED

DEFAULT_POLICY_PATH = Path(__file__).parents[1] / "vision_policy.yml"
QUOTA_EXHAUSTED = "quota_exhausted"

_MIME_PATTERN = r"^[a-z]+/[a-z0-9][a-z0-9.+-]*$"

Positive = Annotated[int, Field(gt=0)]
Mime = Annotated[str, Field(pattern=_MIME_PATTERN)]
OcrCondition = Annotated[str, Field(pattern=rf"^{QUOTA_EXHAUSTED}$|{_MIME_PATTERN}")]


def _detectable(code: str) -> str:
    """Refuse a code that no post would ever have: a rule that names it would skip those posts."""
    if code not in ACCEPTED:
        raise ValueError(f"{code!r} cannot be detected; known are {', '.join(sorted(ACCEPTED))}")
    return code


Language = Annotated[str, AfterValidator(_detectable)]


def channel_key(name: str) -> str:
    """Normalize a username: `@Name`, `name` and ` NAME ` are one channel."""
    return name.strip().removeprefix("@").casefold()


Channel = Annotated[str, Field(min_length=1), AfterValidator(channel_key)]


class PolicyRefused(DomainError):
    """The policy cannot be used; `problems` has one text per wrong key."""

    code: ClassVar[str] = "vision_policy_refused"
    http_status: ClassVar[int] = 500

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__(f"{path}: {'; '.join(problems)}")
        self.path = path
        self.problems = problems

    def context(self) -> dict[str, Any]:
        return {"path": str(self.path), "problems": self.problems}


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PolicyLimits(_Section):
    max_image_mb: Positive
    max_document_mb: Positive
    max_daily_tokens_per_tenant: Annotated[int, Field(ge=0)]
    max_monthly_tokens_per_tenant: Annotated[int, Field(ge=0)] | None = None
    max_concurrent_requests: Positive
    max_queue_depth: Positive


class BudgetGates(_Section):
    check_before_analysis: bool
    fallback_to_ocr_if_exhausted: bool
    sampling_threshold_per_day: Positive


class Sampling(_Section):
    enabled: bool = True  # the contract's default where the key is absent (CONTRACT §3)
    per_post_max_images: Positive
    prefer_with_text_overlay: bool
    skip_small_images_kb: Annotated[int, Field(ge=0)]


class Routing(_Section):
    ocr_only_if: frozenset[OcrCondition] = Field(strict=False)
    skip_if_channel: frozenset[Channel] = Field(strict=False)
    skip_if_lang_not_in: frozenset[Language] = Field(strict=False)


class Fallback(_Section):
    ocr_engine: Literal["tesseract"]


class PromptPresets(_Section):
    default_key: str
    templates: dict[str, Annotated[str, Field(min_length=1)]]
    mime_mapping: dict[Mime, str]

    @model_validator(mode="after")
    def _keys_have_templates(self) -> Self:
        missing = {self.default_key, *self.mime_mapping.values()} - self.templates.keys()
        if missing:
            raise ValueError(f"no template for {', '.join(sorted(missing))}")
        return self


class AllowedMimeTypes(_Section):
    images: frozenset[Mime] = Field(strict=False, min_length=1)
    documents: frozenset[Mime] = Field(strict=False)


class VisionPolicy(_Section):
    """The validated content of `vision_policy.yml`, with or without a tenant's override."""

    limits: PolicyLimits
    budget_gates: BudgetGates
    sampling: Sampling
    routing: Routing
    fallback: Fallback
    prompt_presets: PromptPresets
    allowed_mime_types: AllowedMimeTypes

    @property
    def ocr_when_exhausted(self) -> bool:
        """Whether OCR reads pictures once the tokens are used up: two keys must agree."""
        gate = self.budget_gates.fallback_to_ocr_if_exhausted
        return gate and QUOTA_EXHAUSTED in self.routing.ocr_only_if


def load_policy(path: Path = DEFAULT_POLICY_PATH) -> VisionPolicy:
    """Read and validate `path`. Raises PolicyRefused: there is no built-in policy."""
    return parse_policy(read_policy(path), path)


def read_policy(path: Path) -> Any:
    """Read the YAML without validating it. Raises PolicyRefused where it is no YAML."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise PolicyRefused(path, [" ".join(str(exc).split())]) from exc


def parse_policy(content: Any, path: Path) -> VisionPolicy:
    """Validate `content`; `path` only names the file in PolicyRefused."""
    try:
        return VisionPolicy.model_validate(content)
    except ValidationError as exc:
        raise PolicyRefused(path, [_problem(error) for error in exc.errors()]) from exc


def _problem(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "(the whole file)"
    return f"{key}: {error['msg']}"
