"""Which messages need their files: not those that are stored, unchanged or with the same file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from events.postgresql import arrays, one_trip
from media.models import Channel, MediaState
from media.sources.port import Attachment, Message

_TRIED_AGAIN = (MediaState.UNREADABLE, MediaState.QUOTA_EXCEEDED)
_FILE_ID = '["media", "file_id"]'
# Where a newer source may have replaced the file, its id is not that of the stored one.
_STORED = """
SELECT telegram_message_id, source_fingerprint, media_state,
    coalesce(extra #>> '{media,file_id}', ''),
    coalesce(older_fields ->> %s, as_of), coalesce(older_fields ->> 'files', as_of)
FROM posts WHERE channel_id = %s AND telegram_message_id = ANY(%s::bigint[])
"""


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
    if not wanted:
        return {}
    [found] = one_trip.fetch((_STORED, [_FILE_ID, channel.pk, arrays.of_numbers(wanted)]))
    return {
        message_id: _Stored(fingerprint, state, file_id if id_as_of >= files_as_of else "")
        for message_id, fingerprint, state, file_id, id_as_of, files_as_of in found
    }
