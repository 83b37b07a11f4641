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

OF_LIBRARIES: Final = (
    gettext_noop("Must be a valid UUID."),
    gettext_noop("Must be a valid boolean."),
    gettext_noop("Not a valid string."),
    gettext_noop("A valid biginteger is required."),
    gettext_noop("Integer value too large to convert to float"),
    gettext_noop('Invalid datetime for the timezone "{timezone}".'),
    gettext_noop("Datetime value out of range."),
    gettext_noop("Ensure this field has at least {min_length} elements."),
    gettext_noop("Ensure this field has no more than {max_length} elements."),
    gettext_noop("This dictionary may not be empty."),
    gettext_noop("Surrogate characters are not allowed: U+{code_point:X}."),
    gettext_noop("Invalid input."),
)
"""Texts of Django REST framework that have no Russian there."""
