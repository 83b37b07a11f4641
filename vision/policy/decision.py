"""
VisionPolicyEngine: decides whether a file is analyzed, and by which provider. Pure functions.

Every file gets exactly one decision with exactly one reason. The rules are applied in the order
MIME, size, channel, language, OCR routing, allow; sampling then considers the post as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vision.policy.schema import VisionPolicy, channel_key, load_policy

__all__ = ["Decision", "FileFacts", "Reason", "decide", "decide_post", "load_policy", "mime_key"]

KIB = 1024
MIB = 1024 * KIB

Reason = Literal[
    "policy_passed",
    # denied
    "unsupported_mime",  # empty, or not of the form type/subtype
    "unsupported_mime_type",
    "image_too_large",
    "document_too_large",
    "channel_skipped",
    "language_skipped",
    # read by OCR instead, or skipped where OCR cannot read the type
    "vision_not_configured",
    "ocr_only_mime_type",
    "ocr_cannot_read_documents",
    # allowed, but dropped by sampling
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
class FileFacts:
    """A stored file of a post, as the policy sees it. `has_text`: text is known to be in it."""

    sha256: str
    mime: str
    size_bytes: int
    width: int | None = None
    height: int | None = None
    has_text: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """
    The policy's decision about one file.

    `allowed`: no rule forbids the analysis. `skip`: do nothing, for the given reason; true also
    for every file that is not allowed, so callers need to check only `skip`. `use_ocr`: read it
    with OCR, spend no tokens. `prompt_key`: the preset for a provider that takes prompts.
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
    files: Sequence[FileFacts],
    vision_available: bool,
    language: str | None = None,
    is_album: bool = False,
    tokens_used_today: int = 0,
) -> list[Decision]:
    """
    Decide about every file of a post; the decisions stand in the order of `files`.

    Sampling saves tokens: of the pictures that would go to a paid provider it keeps the
    `per_post_max_images` largest (one, once the tenant is past `sampling_threshold_per_day`)
    and drops small ones only if there are more than that. OCR costs no tokens, so pictures
    routed to OCR are never sampled. Nor are albums: an album is assembled from all its items.
    """
    decisions = [
        decide(
            policy,
            channel=channel,
            file=file,
            vision_available=vision_available,
            language=language,
        )
        for file in files
    ]
    if is_album or not policy.sampling.enabled:
        return decisions
    costly = [f for f, d in zip(files, decisions, strict=True) if _costs_tokens(policy, f, d)]
    dropped = _sample(policy, costly, limit=_per_post_limit(policy, tokens_used_today))
    return [_with_drop(d, dropped.get(d.sha256)) for d in decisions]


def decide(
    policy: VisionPolicy,
    *,
    channel: str,
    file: FileFacts,
    vision_available: bool,
    language: str | None = None,
) -> Decision:
    """Decide about one file by itself, without sampling."""
    mime = mime_key(file.mime)
    denied = (
        _mime_denial(policy, mime)
        or _size_denial(policy, mime, file.size_bytes)
        or _origin_denial(policy, channel, language)
    )
    ocr = None if denied else _ocr_route(policy, mime, vision_available=vision_available)
    unreadable = ocr is not None and mime not in policy.allowed_mime_types.images
    return Decision(
        sha256=file.sha256,
        allowed=denied is None,
        reason=denied or ("ocr_cannot_read_documents" if unreadable else ocr) or "policy_passed",
        use_ocr=ocr is not None and not unreadable,
        skip=denied is not None or unreadable,
        prompt_key=_prompt_key(policy, mime),
    )


def mime_key(mime: str) -> str:
    """Normalize a MIME type: `IMAGE/JPG; x=y` becomes `image/jpeg`."""
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
    accepted = policy.routing.skip_if_lang_not_in
    # An empty list accepts every language; a language that could not be detected is accepted, too.
    if accepted and code not in _UNKNOWN_LANGUAGES and code not in accepted:
        return "language_skipped"
    return None


def _ocr_route(policy: VisionPolicy, mime: str, *, vision_available: bool) -> Reason | None:
    if not vision_available:
        return "vision_not_configured"
    return "ocr_only_mime_type" if mime in policy.routing.ocr_only_if else None


def _prompt_key(policy: VisionPolicy, mime: str) -> str:
    presets = policy.prompt_presets
    return presets.mime_mapping.get(mime, presets.default_key)


def _costs_tokens(policy: VisionPolicy, file: FileFacts, decision: Decision) -> bool:
    is_image = mime_key(file.mime) in policy.allowed_mime_types.images
    return is_image and not decision.skip and not decision.use_ocr


def _per_post_limit(policy: VisionPolicy, tokens_used_today: int) -> int:
    past_threshold = tokens_used_today >= policy.budget_gates.sampling_threshold_per_day
    return 1 if past_threshold else policy.sampling.per_post_max_images


def _sample(policy: VisionPolicy, costly: list[FileFacts], *, limit: int) -> dict[str, Reason]:
    """Map the sha256 of each dropped picture to its reason; a repeated picture counts once."""
    distinct = {file.sha256: file for file in costly}
    if len(distinct) <= limit:
        return {}
    smallest = policy.sampling.skip_small_images_kb * KIB
    dropped: dict[str, Reason] = {
        f.sha256: "small_images_filtered" for f in distinct.values() if f.size_bytes < smallest
    }
    prefer_text = policy.sampling.prefer_with_text_overlay
    ranked = sorted(
        (f for f in distinct.values() if f.sha256 not in dropped),
        key=lambda f: (prefer_text and f.has_text, f.size_bytes),
        reverse=True,
    )
    dropped.update((f.sha256, "sampled_out") for f in ranked[limit:])
    return dropped


def _with_drop(decision: Decision, reason: Reason | None) -> Decision:
    return replace(decision, skip=True, reason=reason) if reason else decision
