"""Texts that are computed at run time, listed here so that makemessages finds them."""

from typing import Final

from django.utils.translation import gettext_noop

MEDIA_KINDS: Final = (
    gettext_noop("photo"),
    gettext_noop("video"),
    gettext_noop("animation"),
    gettext_noop("sticker"),
    gettext_noop("voice"),
    gettext_noop("video message"),
    gettext_noop("audio"),
    gettext_noop("document"),
)
"""The values of `media.sources.port.MediaKind`, which `media.models.Post` shows as labels."""

OF_LIBRARIES: Final = (gettext_noop("Must be a valid UUID."),)
"""Texts of Django REST framework that have no Russian there."""
