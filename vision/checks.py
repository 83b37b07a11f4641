"""System checks: what must be right before the process starts."""

from typing import Any

from django.conf import settings
from django.core import checks

from events.management.json_command import CONFIGURATION
from events.sentences import gettext_noop as _
from vision.providers import get_gigachat
from vision.providers.ocr import installed


@checks.register(CONFIGURATION)
def policy_is_usable(**_options: Any) -> list[checks.CheckMessage]:
    from vision.policy.schema import PolicyRefused, load_policy  # noqa: PLC0415 - late

    try:
        load_policy(settings.VISION.vision_policy_config_path)
    except PolicyRefused as refusal:
        return [checks.Error(str(refusal), id="vision.E001", hint="VISION_POLICY_CONFIG_PATH")]
    return []


@checks.register(CONFIGURATION)
def tesseract_is_there(**_options: Any) -> list[checks.CheckMessage]:
    """Whether Tesseract is there; a warning only, since posts are imported without it, too."""
    if not settings.VISION.feature_vision_enabled:
        return []
    try:
        installed.require(settings.VISION.vision_ocr_languages)
    except installed.TesseractMissing as missing:
        return [
            checks.Warning(
                str(missing), id="vision.W001", hint=_("pictures wait until it is there")
            )
        ]
    return []


@checks.register(CONFIGURATION)
def gigachat_is_usable(**_options: Any) -> list[checks.CheckMessage]:
    """Whether GigaChat's settings are usable, as far as that shows without a connection."""
    if not settings.GIGACHAT.configured:
        return []
    from vision.providers.port import ProviderMisconfigured  # noqa: PLC0415 - late

    try:
        get_gigachat()
    except ProviderMisconfigured as refusal:
        return [checks.Error(str(refusal), id="vision.E002", hint="GIGACHAT_CA_BUNDLE_FILE")]
    if not settings.GIGACHAT.verify_ssl:
        return [
            checks.Warning(
                _("GigaChat's certificates are not verified: whoever is in between reads the key"),
                id="vision.W002",
                hint=_("leave GIGACHAT_VERIFY_SSL out and set GIGACHAT_CA_BUNDLE_FILE"),
            )
        ]
    return []


@checks.register(CONFIGURATION)
def tagger_is_configured(**_options: Any) -> list[checks.CheckMessage]:
    """Whether the tagger that is wished for can be asked; else the one of this machine tags."""
    if settings.VISION.tagger == "gigachat" and not settings.GIGACHAT.configured:
        text = _("TAGGER is gigachat, and GigaChat is not configured: the local tagger tags")
        return [checks.Warning(text, id="vision.W003", hint=_("set GIGACHAT_CREDENTIALS"))]
    return []
