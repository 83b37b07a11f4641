"""Explanations of decision codes and classes, for the console and the commands."""

from typing import Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from django_stubs_ext import StrPromise

OUTCOMES: Final[dict[str, StrPromise]] = {
    "analyzed": _("analyzed"),
    "read": _("text recognition only"),
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
    "policy_passed": _("the policy allows it"),
    "unsupported_mime": _("the type of the file is unknown"),
    "unsupported_mime_type": _("the policy does not analyze files of this type"),
    "image_too_large": _("the picture is larger than the policy allows"),
    "document_too_large": _("the document is larger than the policy allows"),
    "channel_skipped": _("the policy excludes this channel"),
    "language_skipped": _("the policy excludes this language"),
    "vision_not_configured": _("no paid provider is configured: text recognition only"),
    "ocr_only_mime_type": _("the policy allows only text recognition for this type"),
    "ocr_cannot_read_documents": _("text recognition works on pictures, not on documents"),
    "small_images_filtered": _("too small compared with the other pictures of the post"),
    "sampled_out": _("the post has more pictures than the policy analyzes"),
    "marked_distinct": _("marked as distinct from the picture whose analysis it used"),
    "asked_by_hand": _("requested by a person"),
    "documents_not_analyzed": _("no provider looks at documents; their text is read separately"),
    # why text recognition replaced the paid provider
    "daily_limit": _("the tokens of the day are used up"),
    "monthly_limit": _("the tokens of the month are used up"),
    "backfill_limit": _("the rest of the day's tokens is reserved for recent posts"),
    "circuit_open": _("the provider failed several times in a row: calls are stopped for a while"),
    "retryable_network": _("the provider could not be reached"),
    "retryable_rate_limit": _("the provider asks to slow down"),
    "retryable_server_error": _("the provider has a server error"),
    "non_retryable_validation": _("the provider refuses this picture"),
    "non_retryable_business": _("the provider needs its account or address to be corrected"),
    "non_retryable_quota": _("the provider's token package has to be paid for"),
    # why the local tagger stood in for the one that costs tokens
    "too_short": _("the text is too short for tags"),
    "busy": _("all calls that the provider allows were in progress"),
    "not_configured": _("GigaChat is not configured"),
    "tokens_in_use": _("the last tokens are reserved by calls in progress"),
    "tags_refused": _("GigaChat does not talk about this post"),
    "policy_refused": _("the tenant's policy cannot be used"),
    "changed_meanwhile": _("the post was changed while it was asked about"),
    "reanalysis": _("a new analysis was requested"),
    "post_gone": _("no post contains the picture any more"),
    # errors of files and of text recognition
    "s3_missing": _("the file is missing in the object store"),
    "too_many_pixels": _("the picture has too many pixels"),
    "broken_image": _("the picture is damaged"),
    "empty_image": _("the file is empty"),
    "blank_picture": _("the picture has one color and shows nothing"),
    "unsupported_format": _("the format cannot be decoded"),
    "tesseract_failed": _("text recognition failed on this picture"),
    "timeout": _("text recognition took too long"),
    "analysis_failed": _("the analysis was given up"),
    # documents
    "document_read": _("the text was read"),
    "document_recognized": _("the text was read, that of scanned pages by text recognition"),
    "document_without_text": _("the document has no text"),
    "cut_pages": _("only the first pages were read"),
    "cut_chars": _("only the beginning of the text was read"),
    "cut_scans": _("only the first scanned pages were recognized"),
    "cut_time": _("the time was over: not all scanned pages were recognized"),
    "cut_damage": _("some pages could not be read"),
    "format_not_read": _("files of this format are not read"),
    "unknown_encoding": _("the encoding of the text cannot be told: save it as UTF-8"),
    "encrypted_document": _("the document needs a password"),
    "broken_document": _("the document is damaged"),
    "empty_document": _("the file is empty"),
    "file_too_large": _("the file is too large to be read"),
    "unpacks_too_large": _("the file unpacks to more than is allowed"),
    "too_much_memory": _("reading took more memory than is allowed"),
    "reading_too_slow": _("reading took too long"),
    "reader_crashed": _("the document made the reading process crash"),
    "reading_given_up": _("reading was tried several times and given up"),
    # GigaChat's refusals
    "provider_quota": _("GigaChat's token package is used up"),
    "provider_unauthorized": _("GigaChat does not accept the credentials"),
    "provider_forbidden": _("GigaChat denies access"),
    "provider_address": _("GigaChat does not answer at the configured address"),
    "provider_certificates": _("the file with GigaChat's root certificate cannot be read"),
    "unknown_model": _("GigaChat has no model of this name"),
    "request_rejected": _("GigaChat did not accept the request"),
    "blacklist": _("GigaChat refuses to describe such a picture"),
    "image_not_seen": _("GigaChat answered without having seen the picture"),
    "answer_cut": _("GigaChat's answer was cut off before it described anything"),
    "answer_unusable": _("GigaChat's answer could not be understood"),
}


def in_english(reason: str) -> str:
    """Explain a reason within an English sentence, such as those of `doctor`."""
    with override("en"):
        return str(explain(reason))


def explain(reason: str) -> StrPromise | str:
    """Explain a reason; an unknown code is returned as it is."""
    return _REASONS.get(reason, reason)
