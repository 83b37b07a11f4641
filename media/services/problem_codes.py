"""The codes of an import's problems in the words of the console."""

from typing import Final

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

PROBLEMS: Final[dict[str, StrPromise]] = {
    "truncated": _("the export ends in the middle"),
    "malformed_json": _("the export is no valid JSON"),
    "invalid_chat": _("a chat cannot be read"),
    "invalid_message": _("a message cannot be read"),
    "unstorable": _("a message cannot be stored"),
    "missing_file": _("a file is missing"),
    "empty_file": _("a file is empty"),
    "unreadable_file": _("a file cannot be read"),
    "unsafe_path": _("a file lies outside of the export"),
    "quota_exceeded": _("there is no room for a file"),
    "broken_image": _("broken picture"),
    "too_many_pixels": _("too many pixels"),
    "empty_image": _("picture without pixels"),
}


def explain(code: str) -> str:
    """Say what the code means; an unknown one is returned as it is."""
    return str(PROBLEMS.get(code, code))
