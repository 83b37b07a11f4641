"""
A message as Telegram Desktop writes it, of any version since 2018.

Keys that are not here are found by `known_keys`.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict

from events.sentences import gettext_noop
from media.sources.export.json_stream.reader import loads
from media.sources.export.json_stream.repair import clean


def decoded(value: Any) -> Any:
    """
    The object that a string holds as JSON; any other value, and any other string, as it is.

    Telegram Desktop writes some objects in this way.
    """
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return value
    try:
        return clean(loads(value))
    except (ValueError, RecursionError):
        return value


NOT_A_TEXT = gettext_noop("neither text nor an object with a text")
_INT64 = 2**63 - 1

MessageId = Annotated[int, Strict(), Field(ge=-(2**40), lt=2**40)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Bytes = Annotated[int, Field(ge=0, le=_INT64)]
Seconds = Annotated[float, Field(ge=0, le=2**31)]
Json = Annotated[dict[str, Any], BeforeValidator(decoded)]
"""An object, also one that is written into a string as JSON."""


class _Raw(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class RawService(_Raw):
    """`type` is service or unsupported."""

    id: MessageId
    type: str
    action: str | None = None
    message_id: Any = None


class RawReaction(_Raw):
    """`recent`, which names people, is not read."""

    type: str
    count: Count = 0
    emoji: str | None = None
    document_id: str | None = None


def _joinable(text: Any) -> Any:
    parts = [part.get("text") if isinstance(part, dict) else part for part in text]
    if not all(isinstance(part, str) for part in parts):
        raise ValueError(NOT_A_TEXT)
    return text


Words = Annotated[str | list[Any], AfterValidator(_joinable)]
"""A text beside that of the message, in the same shapes."""


class RawAnswer(_Raw):
    text: Words = ""
    voters: Count | None = None


class RawPoll(_Raw):
    question: Words = ""
    closed: bool | None = None
    total_voters: Count | None = None
    answers: list[RawAnswer] = []


class RawTodoList(_Raw):
    title: Words = ""
    answers: list[RawAnswer] = []


class RawMessage(_Raw):
    id: MessageId
    date: str | None = None
    date_unixtime: int | str | None = None
    edited: str | None = None
    edited_unixtime: int | str | None = None

    from_id: str | int | None = None
    author: str | None = None
    forwarded_from: str | None = None
    forwarded_from_id: str | int | None = None
    reply_to_message_id: Annotated[int, Field(ge=-_INT64, le=_INT64)] | None = None
    reply_to_peer_id: str | int | None = None
    via_bot: str | None = None

    text: str | list[Any] | None = None
    text_entities: list[Any] | None = None
    rich_message: Json | None = None
    inline_bot_buttons: Any = None
    reactions: list[RawReaction] | None = None

    photo: str | None = None
    photo_file_size: Bytes | None = None
    file: str | None = None
    file_name: str | None = None
    file_size: Bytes | None = None
    thumbnail: str | None = None
    media_type: str | None = None
    mime_type: str | None = None
    duration_seconds: Seconds | None = None
    width: Count | None = None
    height: Count | None = None
    media_spoiler: bool = False
    paid_stars_amount: Count | None = None

    sticker_emoji: str | None = None
    performer: str | None = None
    title: str | None = None
    contact_information: Any = None
    location_information: Json | None = None
    live_location_period_seconds: Count | None = None
    place_name: str | None = None
    address: str | None = None
    game_title: str | None = None
    game_description: str | None = None
    game_link: str | None = None
    invoice_information: Any = None
    poll: Annotated[RawPoll, BeforeValidator(decoded)] | None = None
    todo_list: Annotated[RawTodoList, BeforeValidator(decoded)] | None = None
    giveaway_information: Json | None = None
    giveaway_results: Json | None = None
