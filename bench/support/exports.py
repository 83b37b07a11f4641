"""Generated exports: as large as asked for, with posts like those of real channels."""

import io
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

CHANNEL = 1900000001
WORDS = [
    "город",
    "данные",
    "сервер",
    "новость",
    "снег",
    "трамвай",
    "график",
    "отчёт",
    "сегодня",
    "завтра",
    "очень",
    "важно",
    "можно",
    "release",
    "notes",
    "update",
    "channel",
    "picture",
    "archive",
    "search",
    "open",
    "source",
    "community",
    "event",
]


def write(folder: Path, messages: Iterator[dict[str, Any]]) -> Path:
    """A single-chat export, written message by message: memory stays small here, too."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {"name": "Канал для измерений", "type": "public_channel", "id": CHANNEL}
    with (folder / "result.json").open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False, indent=1)[:-2] + ',\n "messages": [\n')
        for number, message in enumerate(messages):
            file.write(",\n" if number else "")
            file.write(json.dumps(message, ensure_ascii=False, indent=1))
        file.write("\n ]\n}")
    return folder


def messages(
    count: int,
    *,
    photos: Sequence[str] = (),
    words: int = 40,
    seed: int = 1,
) -> Iterator[dict[str, Any]]:
    """`count` posts; the photos are spread evenly over them."""
    chance = random.Random(seed)
    every = max(count // len(photos), 1) if photos else 0
    for number in range(1, count + 1):
        text = " ".join(chance.choices(WORDS, k=words))
        link = f"https://example.org/{number}"
        yield {
            "id": number,
            "type": "message",
            "date": "2026-06-19T15:26:50",
            "date_unixtime": str(1700000000 + number * 60),
            "from": "Канал для измерений",
            "from_id": f"channel{CHANNEL}",
            **_photo(photos, number, every),
            "text": [text, " ", {"type": "link", "text": link}, ""],
            "text_entities": [
                {"type": "plain", "text": f"{text} "},
                {"type": "link", "text": link},
                {"type": "plain", "text": ""},
            ],
            "reactions": [{"type": "emoji", "count": number % 50 + 1, "emoji": "👍"}],
        }


def _photo(photos: Sequence[str], number: int, every: int) -> dict[str, Any]:
    if not photos or number % every or number // every > len(photos):
        return {}
    path = photos[number // every - 1]
    return {"photo": path, "photo_file_size": 100_000, "width": 360, "height": 360}


def pictures(folder: Path, count: int, *, size_bytes: int = 100_000) -> list[str]:
    """Distinct JPEG files of `size_bytes`; noise, so that they do not compress."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    side = 360
    noise = Image.frombytes("RGB", (side, side), random.Random(7).randbytes(side * side * 3))
    body = io.BytesIO()
    noise.save(body, "JPEG", quality=80)
    paths = [f"photos/photo_{n}@01-01-2026_00-00-00.jpg" for n in range(count)]
    for number, path in enumerate(paths):
        # After the end marker: the same picture, another content.
        tail = number.to_bytes(8, "big").rjust(size_bytes - len(body.getvalue()), b"\0")
        (folder / path).write_bytes(body.getvalue() + tail)
    return paths
