"""The posts of posts.toml as objects."""

import tomllib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from typing import Any

CHANNEL = "Двор и данные"
CHANNEL_ID = 2999100077
QUALITY, FULL_SIZE = 82, 1.0  # of a photo that is nobody's copy
ZONE = timezone(timedelta(hours=3))  # of the computer that "exported" the channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message of the channel; which field names its medium says what kind it has."""

    id: int
    at: datetime
    action: str = ""
    pinned: int = 0
    photo: str = ""
    photo_of: int = 0
    quality: int = QUALITY
    scale: float = FULL_SIZE
    video: str = ""
    video_absent: dict[str, Any] | None = None
    animation: str = ""
    sticker: str = ""
    emoji: str = ""
    document: str = ""
    image_document: str = ""
    file_name: str = ""
    poll: dict[str, Any] | None = None
    text: str = ""
    edited: datetime | None = None
    reply_to: int = 0
    forwarded_from: str = ""
    forwarded_from_id: str = ""
    reactions: dict[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The kind of the medium whose file is in the export, or an empty string."""
        kinds = {
            "photo": self.photo or self.photo_of,
            "video": self.video,
            "animation": self.animation,
            "sticker": self.sticker,
            "document": self.document or self.image_document,
        }
        return next((kind for kind, value in kinds.items() if value), "")

    @property
    def is_service(self) -> bool:
        return bool(self.action)


def load() -> list[Post]:
    source = Path(__file__).with_name("posts.toml").read_text(encoding="utf-8")
    return [
        Post(**{**raw, "text": raw.get("text", "").rstrip("\n")})
        for raw in tomllib.loads(source)["message"]
    ]


def albums(posts: list[Post]) -> list[list[Post]]:
    """Media of the same second, two or more."""
    groups = (list(group) for _, group in groupby(posts, key=lambda post: post.at))
    return [group for group in groups if len(group) > 1]
