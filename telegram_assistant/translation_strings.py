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
    gettext_noop("Not found."),
    gettext_noop("Authentication credentials were not provided."),
    gettext_noop("Invalid data. Expected a dictionary, but got {datatype}."),
    gettext_noop("Datetime has wrong format. Use one of these formats instead: {format}."),
    gettext_noop("Date has wrong format. Use one of these formats instead: {format}."),
)
"""Texts of Django REST framework that have no Russian there, or an odd one."""

OF_HTTP: Final = (
    gettext_noop("Bad Request"),
    gettext_noop("Unauthorized"),
    gettext_noop("Forbidden"),
    gettext_noop("Not Found"),
    gettext_noop("Method Not Allowed"),
    gettext_noop("Not Acceptable"),
    gettext_noop("Conflict"),
    gettext_noop("Gone"),
    gettext_noop("Request Entity Too Large"),
    gettext_noop("Content Too Large"),
    gettext_noop("Unsupported Media Type"),
    gettext_noop("Unprocessable Entity"),
    gettext_noop("Unprocessable Content"),
    gettext_noop("Too Many Requests"),
    gettext_noop("Internal Server Error"),
    gettext_noop("Bad Gateway"),
    gettext_noop("Service Unavailable"),
    gettext_noop("Insufficient Storage"),
)
"""Phrases of the standard library, in the spelling of any Python: titles of the API's problems."""
