"""
The fields of a message that have no column: poll, to-do list, location, game, invoice and the like.

They are kept as plain JSON in `Post.extra`; nothing in it names a person.
"""

from typing import Any

from media.sources.export.messages.known_keys import OBJECTS
from media.sources.export.messages.schema import RawMessage, RawPoll, RawTodoList, decoded
from media.sources.export.messages.text import flat

_PLAIN_KEYS = ("sticker_emoji", "performer", "title", "paid_stars_amount")
_INVOICE_KEYS = ("title", "description", "amount", "currency")
_PRIVATE_GIVEAWAY_KEYS = frozenset({"winners"})
_KEYS = frozenset(
    (
        *_PLAIN_KEYS,
        *("poll", "todo_list", "contact_information", "location_information"),
        *("live_location_period_seconds", "place_name", "address", "game_title"),
        *("invoice_information", "giveaway_information", "giveaway_results"),
    )
)
"""All that is read here; nearly every message has none of it."""


def unmapped_fields(raw: RawMessage) -> dict[str, Any]:
    if raw.model_fields_set.isdisjoint(_KEYS):
        return {}
    extra: dict[str, Any] = {
        key: value for key in _PLAIN_KEYS if (value := getattr(raw, key)) is not None
    }
    if raw.poll is not None:
        extra["poll"] = _poll(raw.poll)
    if raw.todo_list is not None:
        extra["todo_list"] = _todo(raw.todo_list)
    if "contact_information" in raw.model_fields_set:
        extra["contact"] = True  # who it is stays in the export
    extra.update(_place(raw))
    extra.update(_offer(raw))
    return extra


def _poll(poll: RawPoll) -> dict[str, Any]:
    """
    Keep a poll without `chosen`, which shows how the person who exported it voted.

    To somebody who has not voted Telegram shows no counts: then each answer of the export has 0
    votes although there are voters. What is unknown is kept as None.
    """
    is_unknown = bool(poll.total_voters) and not any(a.voters for a in poll.answers)
    answers = [
        {"text": flat(a.text), "voters": None if is_unknown else a.voters} for a in poll.answers
    ]
    return {
        "question": flat(poll.question),
        "closed": poll.closed,
        "total_voters": poll.total_voters,
        "answers": answers,
    }


def _todo(todo: RawTodoList) -> dict[str, Any]:
    return {"title": flat(todo.title), "items": [flat(a.text) for a in todo.answers]}


def _place(raw: RawMessage) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if raw.location_information:
        keys = ("latitude", "longitude")
        found["location"] = {key: raw.location_information.get(key) for key in keys}
    if raw.live_location_period_seconds is not None:
        found["live_location_period_seconds"] = raw.live_location_period_seconds
    if raw.place_name is not None or raw.address is not None:
        found["place"] = {"name": raw.place_name or "", "address": raw.address or ""}
    return found


def _offer(raw: RawMessage) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if raw.game_title is not None:
        found["game"] = {
            "title": raw.game_title,
            "description": raw.game_description or "",
            "link": raw.game_link or "",
        }
    if (invoice := decoded(raw.invoice_information)) is not None:
        found["invoice"] = _invoice(invoice)
    for key in ("giveaway_information", "giveaway_results"):
        if (giveaway := getattr(raw, key)) is not None:
            kept = OBJECTS[key].plain - _PRIVATE_GIVEAWAY_KEYS
            found[key] = {k: v for k, v in giveaway.items() if k in kept}
    return found


def _invoice(invoice: Any) -> Any:
    """The four fields of an invoice; anything but an object is kept as it is."""
    if not isinstance(invoice, dict):
        return invoice
    return {key: invoice.get(key) for key in _INVOICE_KEYS}
