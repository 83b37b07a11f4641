"""
VisionPolicyEngine: a pure answer to "may we look at this picture, and with what?".

Every file gets exactly one decision with exactly one reason. The rules stand in the order
MIME, size, channel, language, OCR routing, allow; sampling then looks at the post as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vision.policy.schema import VisionPolicy, channel_key, load_policy

__all__ = ["Candidate", "Decision", "Reason", "decide", "decide_post", "load_policy", "mime_key"]

KIB = 1024
MIB = 1024 * KIB

Reason = Literal[
    "policy_passed",
    # denied
    "unsupported_mime",  # there is no MIME type to speak of
    "unsupported_mime_type",
    "image_too_large",
    "document_too_large",
    "channel_skipped",
    "language_skipped",
    # read by OCR instead, or not at all
    "vision_not_configured",
    "ocr_only_mime_type",
    "ocr_cannot_read_documents",
    # allowed, but not worth its tokens beside the rest of the post
    "small_images_filtered",
    "sampled_out",
]

_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-ms-bmp": "image/bmp",
    "image/x-bmp": "image/bmp",
}
_UNKNOWN_LANGUAGES = {"", "und", "unknown"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored file of a post. `has_text` is for callers who know it already (a cached OCR)."""

    sha256: str
    mime: str
    size_bytes: int
    width: int | None = None
    height: int | None = None
    has_text: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What to do with one file.

    `allowed`: no rule forbids to look at it. `skip`: do nothing, for the given reason (whatever
    is not allowed is skipped too, so callers need to ask only this). `use_ocr`: read it with
    OCR, spend no tokens. `prompt_key`: the preset for a provider that takes prompts.
    """

    sha256: str
    allowed: bool
    reason: Reason
    use_ocr: bool
    skip: bool
    prompt_key: str


def decide_post(
    policy: VisionPolicy,
    *,
    channel: str,
    files: Sequence[Candidate],
    vision_available: bool,
    language: str | None = None,
    is_album: bool = False,
    tokens_used_today: int = 0,
) -> list[Decision]:
    """
    One decision per file, in the order given.

    Sampling spares tokens: of the pictures that would go to a paid provider it keeps the
    `per_post_max_images` largest (one, once the tenant is past `sampling_threshold_per_day`)
    and drops small ones only if there are more than that. What OCR reads costs nothing, so
    all of it is read, small or not. An album is assembled from all its items: never sampled.
    """
    decisions = [
        decide(
            policy,
            channel=channel,
            candidate=candidate,
            vision_available=vision_available,
            language=language,
        )
        for candidate in files
    ]
    if is_album or not policy.sampling.enabled:
        return decisions
    costly = [c for c, d in zip(files, decisions, strict=True) if _costs_tokens(policy, c, d)]
    dropped = _sample(policy, costly, limit=_per_post_limit(policy, tokens_used_today))
    return [_dropped(d, dropped.get(d.sha256)) for d in decisions]


def decide(
    policy: VisionPolicy,
    *,
    channel: str,
    candidate: Candidate,
    vision_available: bool,
    language: str | None = None,
) -> Decision:
    """The decision for one file alone, before sampling."""
    mime = mime_key(candidate.mime)
    denied = (
        _mime_denial(policy, mime)
        or _size_denial(policy, mime, candidate.size_bytes)
        or _origin_denial(policy, channel, language)
    )
    ocr = None if denied else _ocr_route(policy, mime, vision_available=vision_available)
    unreadable = ocr is not None and mime not in policy.allowed_mime_types.images
    return Decision(
        sha256=candidate.sha256,
        allowed=denied is None,
        reason=denied or ("ocr_cannot_read_documents" if unreadable else ocr) or "policy_passed",
        use_ocr=ocr is not None and not unreadable,
        skip=denied is not None or unreadable,
        prompt_key=_prompt_key(policy, mime),
    )


def mime_key(mime: str) -> str:
    """`IMAGE/JPG; x=y` is `image/jpeg`."""
    bare = mime.partition(";")[0].strip().lower()
    return _ALIASES.get(bare, bare)


def _mime_denial(policy: VisionPolicy, mime: str) -> Reason | None:
    allowed = policy.allowed_mime_types
    if mime in allowed.images or mime in allowed.documents:
        return None
    kind, _, subtype = mime.partition("/")
    return "unsupported_mime_type" if kind and subtype else "unsupported_mime"


def _size_denial(policy: VisionPolicy, mime: str, size_bytes: int) -> Reason | None:
    if mime in policy.allowed_mime_types.images:
        return "image_too_large" if size_bytes > policy.limits.max_image_mb * MIB else None
    return "document_too_large" if size_bytes > policy.limits.max_document_mb * MIB else None


def _origin_denial(policy: VisionPolicy, channel: str, language: str | None) -> Reason | None:
    if channel_key(channel) in policy.routing.skip_if_channel:
        return "channel_skipped"
    code = (language or "").strip().lower().replace("_", "-").partition("-")[0]
    welcome = policy.routing.skip_if_lang_not_in
    if welcome and code not in _UNKNOWN_LANGUAGES and code not in welcome:
        return "language_skipped"
    return None


def _ocr_route(policy: VisionPolicy, mime: str, *, vision_available: bool) -> Reason | None:
    if not vision_available:
        return "vision_not_configured"
    return "ocr_only_mime_type" if mime in policy.routing.ocr_only_if else None


def _prompt_key(policy: VisionPolicy, mime: str) -> str:
    presets = policy.prompt_presets
    return presets.mime_mapping.get(mime, presets.default_key)


def _costs_tokens(policy: VisionPolicy, candidate: Candidate, decision: Decision) -> bool:
    is_image = mime_key(candidate.mime) in policy.allowed_mime_types.images
    return is_image and not decision.skip and not decision.use_ocr


def _per_post_limit(policy: VisionPolicy, tokens_used_today: int) -> int:
    thrifty = tokens_used_today >= policy.budget_gates.sampling_threshold_per_day
    return 1 if thrifty else policy.sampling.per_post_max_images


def _sample(policy: VisionPolicy, costly: list[Candidate], *, limit: int) -> dict[str, Reason]:
    """Why a picture is dropped, by sha256. The same picture twice in a post counts once."""
    distinct = {candidate.sha256: candidate for candidate in costly}
    if len(distinct) <= limit:
        return {}
    smallest = policy.sampling.skip_small_images_kb * KIB
    dropped: dict[str, Reason] = {
        c.sha256: "small_images_filtered" for c in distinct.values() if c.size_bytes < smallest
    }
    prefer_text = policy.sampling.prefer_with_text_overlay
    ranked = sorted(
        (c for c in distinct.values() if c.sha256 not in dropped),
        key=lambda c: (prefer_text and c.has_text, c.size_bytes),
        reverse=True,
    )
    dropped.update((c.sha256, "sampled_out") for c in ranked[limit:])
    return dropped


def _dropped(decision: Decision, reason: Reason | None) -> Decision:
    return replace(decision, skip=True, reason=reason) if reason else decision
