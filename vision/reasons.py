"""Codes of decisions and classes in words, for people."""

from typing import Final

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

OUTCOMES: Final[dict[str, StrPromise]] = {
    "analyzed": _("analyzed"),
    "read": _("read instead"),
    "skipped": _("skipped"),
    "failed": _("failed"),
}

CLASSES: Final[dict[str, StrPromise]] = {
    "photo": _("photo"),
    "meme": _("meme"),
    "document": _("document"),
    "screenshot": _("screenshot"),
    "infographic": _("infographic"),
    "other": _("other"),
}

_REASONS: Final[dict[str, StrPromise]] = {
    # the policy's
    "policy_passed": _("nothing in the policy speaks against it"),
    "unsupported_mime": _("the type of the file is unknown"),
    "unsupported_mime_type": _("the policy does not look at files of this type"),
    "image_too_large": _("the picture is larger than the policy allows"),
    "document_too_large": _("the document is larger than the policy allows"),
    "channel_skipped": _("the policy leaves this channel out"),
    "language_skipped": _("the policy leaves this language out"),
    "vision_not_configured": _("no paid provider is configured: text recognition only"),
    "ocr_only_mime_type": _("the policy has this type read by text recognition only"),
    "ocr_cannot_read_documents": _("text recognition reads pictures, not documents"),
    "small_images_filtered": _("too small beside the other pictures of the post"),
    "sampled_out": _("the post has more pictures than the policy looks at"),
    "marked_distinct": _("a person said it is not the picture whose analysis it had"),
    "asked_by_hand": _("a person asked for it"),
    "documents_not_analyzed": _("nobody looks at documents yet, only at pictures"),
    # why text recognition stood in for the paid provider
    "daily_limit": _("the tokens of the day are used up"),
    "monthly_limit": _("the tokens of the month are used up"),
    "backfill_limit": _("the rest of the day's tokens is kept for fresh posts"),
    "circuit_open": _("the provider failed several times in a row and is left alone for a while"),
    "retryable_network": _("the provider could not be reached"),
    "retryable_rate_limit": _("the provider asks to slow down"),
    "retryable_server_error": _("the provider is out of order"),
    "non_retryable_validation": _("the provider refuses this picture"),
    "non_retryable_business": _("the provider does not answer until its account is put right"),
    "non_retryable_quota": _("the provider wants to be paid first"),
    "reanalysis": _("another look was asked for"),
    "post_gone": _("no post shows the picture any more"),
    # what came in the way
    "s3_missing": _("the file is gone from the store"),
    "too_many_pixels": _("the picture has too many pixels"),
    "broken_image": _("the picture is damaged"),
    "empty_image": _("the file is empty"),
    "unsupported_format": _("the format cannot be decoded"),
    "tesseract_failed": _("text recognition failed on this picture"),
    "timeout": _("text recognition took too long"),
    "analysis_failed": _("the analysis was given up"),
    # what GigaChat said
    "provider_quota": _("GigaChat's token package is used up"),
    "provider_unauthorized": _("GigaChat does not accept the credentials"),
    "provider_forbidden": _("GigaChat denies access"),
    "provider_address": _("there is no GigaChat at the address that is set"),
    "provider_certificates": _("the file with GigaChat's root certificate cannot be read"),
    "unknown_model": _("GigaChat has no model of this name"),
    "request_rejected": _("GigaChat did not accept the request"),
    "blacklist": _("GigaChat does not speak of such a picture"),
    "image_not_seen": _("GigaChat answered without having seen the picture"),
    "answer_cut": _("GigaChat's answer broke off before it said anything"),
    "answer_unusable": _("GigaChat's answer could not be understood"),
}


def explain(reason: str) -> StrPromise | str:
    """The reason in words; a code that is not known here stands for itself."""
    return _REASONS.get(reason, reason)
