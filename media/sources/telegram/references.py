"""A channel as people write it: @name, link, invite link, or id."""

import re
from dataclasses import dataclass
from typing import Final

from media.sources.telegram.failures import NO_CHANNEL, ReferenceUnknown

_HOSTS: Final = r"(?:https?://)?(?:www\.)?(?:t|telegram)\.(?:me|dog)/"
_NAME: Final = re.compile(
    rf"(?:@|{_HOSTS}(?:s/)?)?([A-Za-z][A-Za-z0-9_]{{3,31}})(?:/\d+)?/?(?:\?.*)?"
)
_INVITE: Final = re.compile(rf"(?:{_HOSTS}|tg://join\?invite=)(?:joinchat/|\+)?([\w-]{{16,}})/?")
_PRIVATE: Final = re.compile(rf"{_HOSTS}c/(\d{{1,12}})(?:/\d+)*/?(?:\?.*)?")
_MARKED: Final = re.compile(r"-?(1\d{12})")
_ID: Final = re.compile(r"-100(\d{1,9})|(\d{1,12})")
_GROUP: Final = re.compile(r"-[1-9]\d{3,11}")
_OFFSET: Final = 10**12
LAST_CHANNEL_ID: Final = -_OFFSET
"""Marked ids above it are those of small groups, which Telegram may turn into others."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One of the three is set: a public name, the hash of an invite link, or a marked id."""

    name: str = ""
    invite: str = ""
    tg_channel_id: int | None = None


def parse_reference(text: str) -> Reference:
    """Read what names a channel. Raises ReferenceUnknown."""
    text = text.strip()
    if found := _MARKED.fullmatch(text):
        return Reference(tg_channel_id=-int(found[1]))
    if found := _ID.fullmatch(text):
        return Reference(tg_channel_id=-_OFFSET - int(found[1] or found[2]))
    if found := _GROUP.fullmatch(text):
        return Reference(tg_channel_id=int(found[0]))
    if found := _PRIVATE.fullmatch(text):
        return Reference(tg_channel_id=-_OFFSET - int(found[1]))
    if ("joinchat/" in text or "/+" in text or "invite=" in text) and (
        found := _INVITE.fullmatch(text)
    ):
        return Reference(invite=found[1])
    if found := _NAME.fullmatch(text):
        return Reference(name=found[1])
    raise ReferenceUnknown(NO_CHANNEL % {"text": repr(text[:80])})
