"""A channel that lives: posts, edits, deletions; and exports of it, made at random instants."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from tests.unit.exports import CHANNEL_ID, NOT_INCLUDED, write

START = 1781868410
EMOJI = ("👍", "🔥", "😢")


@dataclass
class History:
    """`chance` decides about everything; times are whole seconds, as Telegram's are."""

    chance: random.Random
    now: int = START
    title: str = "Канал"
    last_id: int = 0
    pictures: int = 0
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)

    def live(self, steps: int) -> None:
        for _ in range(steps):
            self.now += self.chance.choice((0, 1, 60))
            self.chance.choice(self.happenings)(self)

    def add(self, **fields: Any) -> dict[str, Any]:
        self.last_id += self.chance.choice((1, 1, 2))
        made = {"id": self.last_id, "type": "message", "date": self.now, **fields}
        self.messages[self.last_id] = made
        return made

    def some(self, *keys: str) -> dict[str, Any] | None:
        found = [m for m in self.messages.values() if all(key in m for key in keys)]
        return self.chance.choice(found) if found else None

    def word(self) -> str:
        return self.chance.choice(("лодка", "весло", "причал", "")) + str(self.chance.randrange(9))

    def write_text(self) -> None:
        extra: dict[str, Any] = {}
        if self.chance.random() < 0.3:
            extra["author"] = self.chance.choice(("Ира", "Лев"))
        if self.chance.random() < 0.3:
            extra["forwarded_from"] = "Другой канал"
            extra["forwarded_from_id"] = "channel77"
        if self.last_id and self.chance.random() < 0.3:
            extra["reply_to_message_id"] = self.chance.randint(1, self.last_id)
        self.add(text=self.word(), **extra)

    def write_album(self) -> None:
        for number in range(self.chance.choice((1, 2, 3, 4, 11, 13))):
            caption = self.word() if number == 0 or self.chance.random() < 0.2 else ""
            self.add(text=caption, picture=self.new_picture())
        self.now += 1

    def write_video(self) -> None:
        made = self.add(text=self.word(), video=self.new_picture(), name=f"{self.word()}.mp4")
        if self.chance.random() < 0.5:
            made["thumb"] = self.new_picture()

    def write_poll(self) -> None:
        votes = [[self.word(), 0] for _ in range(2)]
        self.add(text="", poll={"question": "?", "votes": votes, "closed": False})

    def edit(self) -> None:
        if found := self.some("text"):
            found["text"], found["edited"] = self.word(), self.now

    def replace_picture(self) -> None:
        if found := self.some("picture"):
            found["picture"], found["edited"] = self.new_picture(), self.now

    def delete(self) -> None:
        if self.messages:
            del self.messages[self.chance.choice(list(self.messages))]

    def react(self) -> None:
        if found := self.some("text"):
            counts = found.setdefault("reactions", {})
            counts[self.chance.choice(EMOJI)] = self.chance.randint(1, 9)

    def vote(self) -> None:
        if found := self.some("poll"):
            self.chance.choice(found["poll"]["votes"])[1] += 1
            found["poll"]["closed"] = self.chance.random() < 0.2

    def rename(self) -> None:
        self.title = f"Канал {self.word()}"
        self.add(type="service", action="edit_group_title", title=self.title)

    def new_picture(self) -> int:
        self.pictures += 1
        return self.pictures

    happenings: "tuple[Callable[[History], None], ...]" = (
        write_text, write_album, write_album, write_video, write_poll, edit, edit, replace_picture,
        delete, delete, delete, react, react, vote, rename,
    )  # fmt: skip


@dataclass
class Export:
    """How an export is made: what it downloads, and what its version knows to write."""

    history: History
    folder: Path
    pictures: bool = True
    videos: bool = True
    thumbs: bool = True
    modern: bool = True
    voted: bool = True
    shift: int = 0
    """Of the numbers in the names of pictures: they count what else is exported."""

    @classmethod
    def at_random(cls, history: History, folder: Path) -> "Export":
        def flip() -> bool:
            return history.chance.random() < 0.6

        return cls(
            history, folder, flip(), flip(), flip(), flip(), flip(), history.chance.choice((0, 3))
        )

    def write(self) -> Path:
        first = self.history.chance.choice((0, 0, 0, self.history.last_id // 2))
        raws = [self.message(m) for m in self.history.messages.values() if m["id"] > first]
        head = {"name": self.history.title, "type": "public_channel", "id": CHANNEL_ID}
        return write(self.folder, head | {"messages": raws})

    def message(self, made: dict[str, Any]) -> dict[str, Any]:
        raw = {key: made[key] for key in ("id", "type", "action", "title", "author") if key in made}
        raw |= {"date_unixtime": str(made["date"]), "from_id": f"channel{CHANNEL_ID}"}
        raw["text"] = made.get("text", "")
        for key in ("forwarded_from", "reply_to_message_id"):
            if key in made:
                raw[key] = made[key]
        if "edited" in made:
            raw["edited_unixtime"] = str(made["edited"])
        if self.modern:
            raw |= {key: made[key] for key in ("forwarded_from_id",) if key in made}
            counts = made.get("reactions", {})
            if counts:
                raw["reactions"] = [
                    {"type": "emoji", "count": n, "emoji": e} for e, n in sorted(counts.items())
                ]
        return raw | self.media(made)

    def media(self, made: dict[str, Any]) -> dict[str, Any]:
        if "picture" in made:
            name = f"photos/photo_{made['id'] + self.shift}.jpg"
            return {"photo": self.file(name, made["picture"], wanted=self.pictures), "width": 20}
        if "video" in made:
            name = f"video_files/{made['id']}_{made['name']}"
            raw = {
                "file": self.file(name, made["video"], wanted=self.videos),
                "media_type": "video_file",
            }
            if self.modern:
                raw["file_name"] = made["name"]
            if "thumb" in made:
                raw["thumbnail"] = self.file(f"{name}_thumb.jpg", made["thumb"], wanted=self.thumbs)
            return raw
        return {"poll": self.poll(made["poll"])} if "poll" in made else {}

    def poll(self, poll: dict[str, Any]) -> dict[str, Any]:
        answers = [
            {"text": t, "voters": n} if self.voted else {"text": t} for t, n in poll["votes"]
        ]
        total = sum(n for _, n in poll["votes"])
        return {
            "question": poll["question"], "closed": poll["closed"], "total_voters": total,
            "answers": answers,
        }  # fmt: skip

    def file(self, name: str, content: int, *, wanted: bool) -> str:
        if not wanted:
            return NOT_INCLUDED
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10), (content % 256, content // 256, 9)).save(path, "PNG")
        return name


def exports(chance: random.Random, folder: Path, *, count: int, steps: int) -> list[Path]:
    """Write exports of one channel, some of them at the same instant, the oldest first."""
    history = History(chance)
    history.live(steps)
    folders = []
    for number in range(count):
        history.live(chance.choice((0, 1, steps // 2)))
        folders.append(Export.at_random(history, folder / str(number)).write())
    return folders
