"""Writes the media of one message and returns the keys that describe them in the export."""

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from tools.sample_channel import documents, movie, pictures
from tools.sample_channel.posts import Post

Keys = dict[str, Any]

NOT_INCLUDED = "(File not included. Change data exporting settings to download.)"
CUSTOM_EMOJI = "stickers/sticker (1).webp"
MIME = {"pdf": "application/pdf", "csv": "text/csv"}
TRAM_SECONDS, BARS_SECONDS = 3, 2


@dataclass(slots=True)
class Attachments:
    """Files of the export, written as their messages come."""

    folder: Path
    photos: dict[int, Keys] = field(default_factory=dict)
    _count: int = 0

    def write(self, post: Post) -> Keys:
        """The media keys of the message, in the order of Telegram Desktop."""
        if post.photo_of:
            return self.photos[post.photo_of]
        if post.video_absent:
            return _absent(**post.video_absent)
        writers: dict[str, Callable[[Post], Keys]] = {
            "photo": self._photo,
            "video": self._video,
            "animation": self._animation,
            "sticker": self._sticker,
            "document": self._image_document if post.image_document else self._document,
        }
        return writers[post.kind](post) if post.kind else {}

    def write_custom_emoji(self) -> None:
        emblem = pictures.draw("avatar").image.resize((100, 100), Image.Resampling.LANCZOS)
        self._save(CUSTOM_EMOJI, encode(emblem, "WEBP", quality=80))

    def _photo(self, post: Post) -> Keys:
        self._count += 1
        image = pictures.draw(post.photo).image
        size = (round(image.width * post.scale), round(image.height * post.scale))
        if size != image.size:
            image = image.resize(size, Image.Resampling.LANCZOS)
        path = f"photos/photo_{self._count}@{post.at:%d-%m-%Y_%H-%M-%S}.jpg"
        length = self._save(path, encode(image, "JPEG", quality=post.quality))
        keys = {"photo": path, "photo_file_size": length, **_dimensions(image)}
        self.photos[post.id] = keys
        return keys

    def _video(self, post: Post) -> Keys:
        frames = movie.tram(TRAM_SECONDS)
        keys = self._movie(f"video_files/{post.video}-evening.mp4", frames, still=40)
        return keys | {
            "media_type": "video_file",
            "mime_type": "video/mp4",
            "duration_seconds": TRAM_SECONDS,
            **_dimensions(frames[0]),
        }

    def _animation(self, post: Post) -> Keys:
        frames = movie.growing_bars(BARS_SECONDS)
        keys = self._movie(f"animations/growing-{post.animation}.mp4", frames, still=-1)
        return keys | {
            "media_type": "animation",
            "mime_type": "video/mp4",
            "duration_seconds": BARS_SECONDS,
            **_dimensions(frames[0]),
        }

    def _movie(self, path: str, frames: list[Image.Image], *, still: int) -> Keys:
        target = self._place(path)
        movie.write(target, frames)
        keys = _file_keys(path, target.stat().st_size)
        return keys | self._thumbnail(path, frames[still])

    def _sticker(self, post: Post) -> Keys:
        image = pictures.draw(post.sticker).image
        path = "stickers/sticker.webp"
        length = self._save(path, encode(image, "WEBP", quality=80))
        return (
            _file_keys(path, length)
            | self._thumbnail(path, image)
            | {
                "media_type": "sticker",
                "sticker_emoji": post.emoji,
                "mime_type": "image/webp",
                **_dimensions(image),
            }
        )

    def _document(self, post: Post) -> Keys:
        path = f"files/{post.document}"
        length = self._save(path, documents.read(post.document))
        return _file_keys(path, length) | {"mime_type": MIME[path.rpartition(".")[2]]}

    def _image_document(self, post: Post) -> Keys:
        """A picture sent "as a file": no `photo`, no `media_type`."""
        image = pictures.draw(post.image_document).image
        path = f"files/{post.file_name}"
        length = self._save(path, encode(image, "PNG", optimize=True))
        keys = _file_keys(path, length) | self._thumbnail(path, image)
        return keys | {"mime_type": "image/png", **_dimensions(image)}

    def _thumbnail(self, path: str, image: Image.Image) -> Keys:
        small = image.copy()
        small.thumbnail((320, 320))
        name = f"{path}_thumb.jpg"
        length = self._save(name, encode(small, "JPEG", quality=70))
        return {"thumbnail": name, "thumbnail_file_size": length}

    def _save(self, path: str, content: bytes) -> int:
        return self._place(path).write_bytes(content)

    def _place(self, path: str) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def encode(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _file_keys(path: str, length: int) -> Keys:
    return {"file": path, "file_name": path.rpartition("/")[2], "file_size": length}


def _dimensions(image: Image.Image) -> Keys:
    return {"width": image.width, "height": image.height}


def _absent(
    *, name: str, size: int, seconds: int, width: int, height: int, thumbnail_size: int
) -> Keys:
    """A video left out of the export; the sizes are known all the same."""
    return {
        "file": NOT_INCLUDED,
        "file_name": name,
        "file_size": size,
        "thumbnail": NOT_INCLUDED,
        "thumbnail_file_size": thumbnail_size,
        "media_type": "video_file",
        "mime_type": "video/mp4",
        "duration_seconds": seconds,
        "width": width,
        "height": height,
    }
