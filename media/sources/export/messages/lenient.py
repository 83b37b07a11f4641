"""
Check a message, and do without a field that has a wrong value rather than without the message.

Only its id, date and text may refuse a message. What is wrong elsewhere is set aside by place, and
its usual value stands in its place. A message in which nothing is wrong is checked just once.
"""

from copy import deepcopy
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from events.sentences import Sentence, gettext_noop
from media.sources.export.messages.schema import RawMessage, decoded

Place = tuple[str | int, ...]

OF_PYDANTIC: Final = (
    Sentence(gettext_noop("Input should be greater than or equal to %(least)s")),
    Sentence(gettext_noop("Input should be less than %(most)s")),
    Sentence(gettext_noop("Value error, %(why)s")),
    gettext_noop("Input should be a valid integer"),
    gettext_noop("Input should be a valid string"),
    gettext_noop("Input should be a valid list"),
    gettext_noop("Field required"),
)
"""Why pydantic refuses an id, a time or a text; read for the catalog, not from here."""

_DECISIVE = frozenset({"id", "date_unixtime", "text", "text_entities"})
_PERSONAL = frozenset({"recent", "winners", "chosen"})
"""Keys under which people stand, or what the person who exported chose."""
_MOST_ROUNDS = 20
"""A value that is set aside may show what is wrong beside it."""


def read_raw(value: dict[str, Any]) -> tuple[RawMessage, dict[str, Any], dict[str, Any]]:
    """
    Return the checked message, its JSON without what is wrong, and that by its place.

    Raises ValidationError where the id, the text, or the only date is wrong.
    """
    aside: dict[str, Any] = {}
    tidy = value
    for _ in range(_MOST_ROUNDS):
        try:
            return RawMessage.model_validate(tidy), tidy, aside
        except ValidationError as exc:
            tidy = deepcopy(tidy) if tidy is value else tidy
            for place in _places(tidy, exc):
                _set_aside(tidy, place, aside)
    return RawMessage.model_validate(tidy), tidy, aside


def refusal(exc: ValidationError) -> str:
    """What refused a message: the place and the reason, nothing that the message says."""
    errors = _errors(exc)
    first = next((error for error in errors if error["loc"][0] in _DECISIVE), errors[0])
    return f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"


def _errors(exc: ValidationError) -> list[ErrorDetails]:
    return exc.errors(include_url=False, include_input=False, include_context=False)


def _places(value: dict[str, Any], exc: ValidationError) -> list[Place]:
    """The places of what is wrong, the last in a list first, so that the others keep theirs."""
    places = [error["loc"] for error in _errors(exc)]
    for first, *_ in places:
        if first in _DECISIVE or (first == "date" and not value.get("date_unixtime")):
            raise exc
    return sorted({_existing(value, place) for place in places}, key=_order, reverse=True)


def _order(place: Place) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (0, step) for step in place]


def _existing(value: Any, place: Place) -> Place:
    """The part of a place that is in the value: the end may name a type, or a lacking key."""
    for depth, step in enumerate(place):
        value = decoded(value)
        is_there = isinstance(value, dict) and step in value
        if not is_there and not (isinstance(value, list) and isinstance(step, int)):
            return place[:depth]
        value = value[step]
    return place


def _set_aside(value: dict[str, Any], place: Place, aside: dict[str, Any]) -> None:
    first, *steps = place
    if not steps:
        key = str(first)
        aside[key] = _impersonal(value[key])
        value[key] = RawMessage.model_fields[key].get_default()
        return
    holder: Any = value
    for step in place[:-1]:
        holder[step] = decoded(holder[step])
        holder = holder[step]
    aside[_named(place)] = _impersonal(holder.pop(place[-1]))


def _named(place: Place) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in place]
    return "".join(steps).removeprefix(".")


def _impersonal(value: Any) -> Any:
    if isinstance(value, list):
        return [_impersonal(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _impersonal(inner) for key, inner in value.items() if key not in _PERSONAL}
    return value
