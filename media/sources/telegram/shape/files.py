"""The file of a message: its keys in an export, and what is needed to download it."""

from dataclasses import dataclass, field
from mimetypes import guess_extension
from typing import Any, Final

from telethon.tl import types

from media.sources.telegram.port import RemoteFile

_THUMBNAIL: Final = "thumbnail"
_PLAYED: Final = (types.DocumentAttributeVideo, types.DocumentAttributeAudio)


@dataclass(slots=True)
class Files:
    """What a message shows: `keys` are those of an export, `remote` what they stand for."""

    message_id: int
    keys: dict[str, Any] = field(default_factory=dict)
    remote: list[RemoteFile] = field(default_factory=list)

    def add(self, path: str, size_bytes: int, file_id: str, handle: Any) -> str:
        self.remote.append(RemoteFile(path, self.message_id, size_bytes, file_id, handle))
        return path


@dataclass(frozen=True, slots=True)
class Handle:
    """A photo or document of Telethon, and the size of a picture that is meant."""

    media: Any
    thumb: Any = None


def files_of(message_id: int, media: Any) -> Files:
    """Read the file of a message; no keys where its media is none."""
    files = Files(message_id)
    match media:
        case types.MessageMediaPhoto():
            _add_photo(files, media)
        case types.MessageMediaDocument():
            _add_document(files, media)
        case types.MessageMediaPaidMedia():
            files.keys["paid_stars_amount"] = media.stars_amount
    return files


def _add_photo(files: Files, media: types.MessageMediaPhoto) -> None:
    photo = media.photo
    size = largest(photo.sizes) if isinstance(photo, types.Photo) else None
    if size is None:
        files.keys["photo"] = ""
        return
    path = f"photos/{files.message_id}_{photo.id}.jpg"
    files.keys |= {
        "photo": files.add(path, bytes_of(size), str(photo.id), Handle(photo, size)),
        "photo_file_size": bytes_of(size),
        "width": size.w,
        "height": size.h,
        "media_spoiler": bool(media.spoiler),
    }


def _add_document(files: Files, media: types.MessageMediaDocument) -> None:
    document = media.document
    if not isinstance(document, types.Document):
        files.keys["file"] = ""
        return
    told = {type(attribute): attribute for attribute in document.attributes}
    name = getattr(told.get(types.DocumentAttributeFilename), "file_name", "")
    path = (
        f"files/{files.message_id}_{document.id}{guess_extension(document.mime_type or '') or ''}"
    )
    files.keys |= {
        "file": files.add(path, document.size, str(document.id), Handle(document)),
        "file_size": document.size,
        "mime_type": document.mime_type or "",
        "media_spoiler": bool(media.spoiler),
        **({"file_name": name} if name else {}),
        **_kind(told),
        **_measures(told),
    }
    if thumbnail := largest(document.thumbs or ()):
        path = f"{_THUMBNAIL}s/{files.message_id}_{document.id}.jpg"
        handle = Handle(document, thumbnail)
        files.keys[_THUMBNAIL] = files.add(path, bytes_of(thumbnail), "", handle)


def _kind(told: dict[type, Any]) -> dict[str, Any]:
    """`media_type` and what goes with it, in the order in which Telegram Desktop asks."""
    if sticker := told.get(types.DocumentAttributeSticker):
        return {"media_type": "sticker", "sticker_emoji": sticker.alt}
    video, audio = (told.get(kind) for kind in _PLAYED)
    if types.DocumentAttributeAnimated in told and not (video and video.round_message):
        return {"media_type": "animation"}
    if video:
        return {"media_type": "video_message" if video.round_message else "video_file"}
    if audio is None:
        return {}
    track = {"performer": audio.performer, "title": audio.title}
    kind = {"media_type": "voice_message" if audio.voice else "audio_file"}
    return kind | {key: text for key, text in track.items() if text}


def _measures(told: dict[type, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in (types.DocumentAttributeVideo, types.DocumentAttributeImageSize):
        if shown := told.get(kind):
            found |= {"width": shown.w, "height": shown.h}
    for kind in _PLAYED:
        if played := told.get(kind):
            found["duration_seconds"] = played.duration
    return found


def largest(sizes: Any) -> Any:
    """The largest size of a picture that can be downloaded; None where there is none."""
    real = [s for s in sizes if isinstance(s, types.PhotoSize | types.PhotoSizeProgressive)]
    return max(real, key=lambda size: (size.w * size.h, bytes_of(size)), default=None)


def bytes_of(size: Any) -> int:
    return int(max(size.sizes) if isinstance(size, types.PhotoSizeProgressive) else size.size)
