"""Which messages need their files: not those that are stored, unchanged or with the same file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from media.models import Channel, MediaState
from media.services.pipeline.plan import posts_of
from media.sources.port import Attachment, Message

_TRIED_AGAIN = (MediaState.UNREADABLE, MediaState.QUOTA_EXCEEDED)
_FILE_ID = '["media", "file_id"]'


@dataclass(frozen=True, slots=True)
class _Stored:
    fingerprint: str
    state: str
    file_id: str

    def has(self, file: Attachment) -> bool:
        """Whether the stored file is this one of Telegram; a fingerprint is emptied where it is lost."""
        is_whole = self.state == MediaState.STORED and self.fingerprint != ""
        return is_whole and self.file_id != "" and self.file_id == file.file_id


def mark_stored(channel: Channel, messages: Sequence[Message]) -> tuple[list[Message], set[str]]:
    """
    Mark the files that the archive has for these very posts.

    More views make a message another one, whose file would be downloaded again with each reading.
    Return the messages, and the paths of the files that the pipeline will open for them.
    """
    stored = _stored(channel, messages)
    marked = [_marked(message, stored.get(message.message_id)) for message in messages]
    paths = {path for m in marked for path in _opened(m, stored.get(m.message_id))}
    return marked, paths - {""}


def _opened(message: Message, before: _Stored | None) -> Iterator[str]:
    """Paths of the files of a message that are not known to be stored."""
    is_known = before is not None and before.fingerprint == message.fingerprint
    if is_known and before is not None and before.state not in _TRIED_AGAIN:
        return
    for file in message.attachments:
        if not file.is_stored:
            yield file.path
            yield file.thumbnail_path


def _marked(message: Message, before: _Stored | None) -> Message:
    if before is None or message.attachment is None or not before.has(message.attachment):
        return message
    return replace(message, attachment=replace(message.attachment, is_stored=True))


def _stored(channel: Channel, messages: Sequence[Message]) -> dict[int, _Stored]:
    wanted = [m.message_id for m in messages if m.attachment is not None]
    found = posts_of(channel, wanted).values_list(
        "telegram_message_id", "source_fingerprint", "media_state", "as_of", "older_fields", "extra"
    )
    return {
        message_id: _Stored(fingerprint, state, _file_id(as_of, older, extra))
        for message_id, fingerprint, state, as_of, older, extra in found
    }


def _file_id(as_of: str, older: dict[str, str], extra: dict[str, dict[str, str]]) -> str:
    """The id of the stored file; empty where a newer source may have replaced that file."""
    said = str(extra.get("media", {}).get("file_id", ""))
    is_current = older.get(_FILE_ID, as_of) >= older.get("files", as_of)
    return said if is_current else ""
