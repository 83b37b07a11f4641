"""Messages of Telethon for tests: name what matters, the rest is filled in."""

from datetime import UTC, datetime
from typing import Any

from telethon.tl import types

from media.sources.port import Message
from media.sources.telegram.live_message import read_live
from media.sources.telegram.port import Fetched
from media.sources.telegram.shape.message import shape
from media.sources.telegram.shape.peers import Names

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CHANNEL = types.PeerChannel(1234567890)


def message(message_id: int = 1, text: str = "", **more: Any) -> types.Message:
    given = {"id": message_id, "peer_id": CHANNEL, "date": AT, "message": text, "post": True}
    return types.Message(**(given | more))


def photo(photo_id: int = 9, *, size: int = 1000, w: int = 800, h: int = 600, **more: Any) -> Any:
    sizes = [
        types.PhotoStrippedSize("i", b"1"),
        types.PhotoSize("m", w // 4, h // 4, size // 10),
        types.PhotoSizeProgressive("y", w, h, [size // 3, size]),
    ]
    given = {"id": photo_id, "access_hash": 1, "file_reference": b"r", "date": AT, "dc_id": 2}
    return types.MessageMediaPhoto(photo=types.Photo(**given, sizes=sizes), **more)


def document(
    document_id: int = 5, *, mime: str = "text/plain", size: int = 100, thumbs: Any = None,
    attributes: Any = (), **more: Any,
) -> Any:  # fmt: skip
    given = {
        "id": document_id, "access_hash": 1, "file_reference": b"r", "date": AT,
        "mime_type": mime, "size": size, "dc_id": 2, "attributes": list(attributes),
        "thumbs": thumbs,
    }  # fmt: skip
    return types.MessageMediaDocument(document=types.Document(**given), **more)


def fetched(one: Any, *entities: Any) -> Fetched:
    """What the adapter makes of a message, with what Telegram said of these entities."""
    shaped = shape(one, Names(entities))
    assert shaped is not None
    return read_live(shaped.value, shaped.beside, shaped.files)


def read(one: Any, *entities: Any) -> Message:
    record = fetched(one, *entities).record
    assert isinstance(record, Message), record
    return record


def channel(channel_id: int, title: str, username: str | None = None) -> types.Channel:
    return types.Channel(
        id=channel_id, title=title, photo=types.ChatPhotoEmpty(), date=AT, username=username
    )
