"""
The keys of a message that Telegram Desktop has written so far, and finding all others.

A newer version adds keys. They are kept as they are and counted, and nothing is guessed from
them: what looks like a text may be the name of a shape, of a color or of an alignment.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from media.sources.export.messages.schema import decoded

FILE_KEYS = (
    "photo photo_file_size file file_name file_size thumbnail thumbnail_file_size media_type"
    " mime_type duration_seconds width height sticker_emoji performer title"
)
"""The keys of a picture or file; in a rich message those of a block, too."""
PLACE_CHARS = 100
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Keys:
    """
    The known keys of an object, or of each object in a list of them.

    What stands under those in `nested` is looked into; the other values are plain or private.
    """

    plain: frozenset[str]
    nested: Mapping[str, "Keys"]
    all: frozenset[str]

    def unknown(self, found: Mapping[str, Any]) -> list[str]:
        # Nearly always all are known, which takes one call without a set of its own.
        return [] if self.all.issuperset(found) else sorted(found.keys() - self.all)


def keys(names: str, **nested: Keys) -> Keys:
    plain = frozenset(names.split())
    return Keys(plain, nested, plain | nested.keys())


_TEXT = keys("type text href language user_id document_id collapsed")
_TEXTS = {"text": _TEXT, "text_entities": _TEXT}
_GIVEAWAY = "additional_prize until_date months stars is_only_new_subscribers"
OBJECTS = {
    "location_information": keys("latitude longitude"),
    "invoice_information": keys("title description amount currency receipt_message_id"),
    "poll": keys("closed total_voters", question=_TEXT, answers=keys("voters chosen", text=_TEXT)),
    "todo_list": keys(
        "others_can_append others_can_complete", title=_TEXT, answers=keys("id", text=_TEXT)
    ),
    "giveaway_information": keys(f"{_GIVEAWAY} quantity channels countries"),
    "giveaway_results": keys(
        f"{_GIVEAWAY} channel winners launch_message_id additional_peers_count winners_count"
        " unclaimed_count is_refunded"
    ),
    "inline_bot_buttons": keys("type text data dataBase64 forward_text button_id"),
    "reactions": keys("type count emoji document_id recent"),
}
_MESSAGE = keys(
    "id type date date_unixtime edited edited_unixtime from from_id author saved_from"
    " forwarded_from forwarded_from_id reply_to_message_id reply_to_peer_id via_bot"
    " rich_message"  # its own reader finds what is unknown in it
    " media_spoiler self_destruct_period_seconds paid_stars_amount"
    " contact_information contact_vcard contact_vcard_file_size"
    " live_location_period_seconds place_name address game_title game_description game_link"
    f" {FILE_KEYS}",
    **_TEXTS,
    **OBJECTS,
)


def unknown_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """What stands under unknown keys, by place: `poll.answers[1].photo`."""
    found = {key: message[key] for key in _MESSAGE.unknown(message)}
    for key in _TEXTS:
        if isinstance(parts := message.get(key), list) and not _all_known(parts):
            found.update(_unknown(parts, _TEXT, key))
    for key, known in OBJECTS.items():
        if key in message:
            found.update(_unknown(decoded(message[key]), known, key))
    return found


def _all_known(parts: list[Any]) -> bool:
    """Whether no part of a text has an unknown key: that of nearly every post, so it is quick."""
    is_known = _TEXT.all.issuperset
    for part in parts:  # a loop: `all` takes three times as long, and this is asked of every text
        if isinstance(part, dict):
            if not is_known(part):
                return False
        elif not isinstance(part, str):
            return False
    return True


def kinds_of(places: Iterable[str]) -> tuple[str, ...]:
    """The places without their numbers, each once: `poll.answers[].photo`."""
    return tuple(dict.fromkeys([_INDEX.sub("[]", place)[:PLACE_CHARS] for place in places]))


def _unknown(value: Any, known: Keys, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for index, inner in enumerate(value):
            if not isinstance(inner, str):
                yield from _unknown(inner, known, f"{place}[{index}]")
    elif isinstance(value, dict):
        for key in known.unknown(value):
            yield f"{place}.{key}", value[key]
        for key, deeper in known.nested.items():
            if key in value:
                yield from _unknown(value[key], deeper, f"{place}.{key}")
