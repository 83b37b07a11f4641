"""The summary of an import in words, for the console and the command alike."""

from collections.abc import Iterator
from typing import Any, Final

from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from events.console import EMPTY
from media.models import MediaState
from media.services.problem_codes import PROBLEMS

NAMES: Final[dict[str, StrPromise]] = {
    "channels": _("channels"),
    "messages": _("messages read"),
    "new": _("new posts"),
    "updated": _("updated posts"),
    "new_or_updated": _("new or updated posts"),
    "unchanged": _("unchanged posts"),
    "repeated": _("repeated messages"),
    "service": _("service messages"),
    "unsupported": _("messages that the export leaves out"),
    "media_stored": _("files stored"),
    "duplicates": _("files that were there already"),
    "bytes_stored": _("volume of the stored files"),
    "problems": _("problems"),
    "skipped_chats": _("skipped chats"),
    "conversations": _("chats that look like conversations"),
    "unknown_keys": _("unknown parts of messages, kept as they are"),
    "deleted": _("posts that are marked as deleted in Telegram"),
    "undeleted": _("posts that are no longer marked as deleted"),
    "mass_deletions": _("mass deletions"),
    "seconds": _("duration, s"),
    **{state.value: state.label for state in MediaState},
}
WORDS: Final = NAMES | PROBLEMS
CHATS: Final[dict[str, StrPromise]] = {
    "personal_chat": _("personal chats"),
    "bot_chat": _("chats with bots"),
    "saved_messages": _("saved messages"),
    "private_group": _("groups"),
    "private_supergroup": _("groups"),
    "public_supergroup": _("public groups"),
    "private_channel": _("private channels"),
    "public_channel": _("public channels"),
}


def chat_kind(kind: str) -> str:
    """Name a kind of chats; an unknown one is returned as it is."""
    return str(CHATS.get(kind, kind))


def rows(summary: dict[str, Any]) -> Iterator[tuple[StrPromise | str, str]]:
    """Yield name and value of every entry; also those that this version does not know."""
    known = [name for name in NAMES if name in summary]  # JSON in PostgreSQL keeps no order
    for key in known + sorted(summary.keys() - known):
        value = summary[key]
        yield WORDS.get(key, key.replace("_", " ")), _shown(key, value)


def _shown(key: str, value: Any) -> str:
    if key == "bytes_stored":
        return filesizeformat(value)
    if isinstance(value, dict):
        return ", ".join(f"{CHATS.get(name, name)}: {n}" for name, n in value.items()) or EMPTY
    if isinstance(value, list):
        return ", ".join(map(str, value)) or EMPTY
    if isinstance(value, float):
        return number_format(value, 1)
    return number_format(value, force_grouping=True) if isinstance(value, int) else str(value)
