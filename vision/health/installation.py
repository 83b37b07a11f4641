"""Checks of what is installed here: the switch, the policy file, Tesseract."""

from collections.abc import Iterator

from django.conf import settings

from events.health import Finding, failed, ok, skipped
from events.sentences import gettext_noop as _
from vision import providers
from vision.policy.schema import PolicyRefused, load_policy
from vision.providers.ocr.installed import TesseractMissing


def is_switched_on() -> Iterator[Finding]:
    """Off is fine, unless GigaChat is configured: then somebody expects analyses."""
    if settings.VISION.feature_vision_enabled:
        yield ok("FEATURE_VISION_ENABLED=true")
    elif settings.GIGACHAT.configured:
        yield failed(
            _("GigaChat is configured, but FEATURE_VISION_ENABLED=false: nobody analyzes pictures"),
            _("set FEATURE_VISION_ENABLED=true and restart web and workers"),
        )
    else:
        yield skipped(_("FEATURE_VISION_ENABLED=false: pictures are stored and not analyzed"))


def policy() -> Iterator[Finding]:
    path = settings.VISION.vision_policy_config_path
    try:
        load_policy(path)
    except PolicyRefused as refusal:
        yield failed(str(refusal), _("correct the file, or VISION_POLICY_CONFIG_PATH"))
    else:
        yield ok(str(path))


def tesseract() -> Iterator[Finding]:
    if not settings.VISION.feature_vision_enabled:
        yield skipped("FEATURE_VISION_ENABLED=false")
        return
    try:
        yield ok(providers.get_ocr().model)
    except TesseractMissing as missing:
        yield failed(str(missing), _("install it; what waits goes on within 5 minutes"))
