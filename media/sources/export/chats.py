"""Which chats of an export are imported, and the record that each of them becomes."""

from pathlib import Path

from events.sentences import Sentence
from events.sentences import gettext_noop as _
from media.sources.export.headers import Header
from media.sources.export.peer_ids import marked_channel_id
from media.sources.port import Chat, Problem, SkippedChat, SourceRefused

PUBLIC_TYPES = frozenset({"public_channel", "public_supergroup"})
PRIVATE_TYPES = frozenset({"private_channel", "private_supergroup"})
_NEVER_TYPES = frozenset(
    {
        "saved_messages",
        "replies",
        "verification_codes",
        "personal_chat",
        "bot_chat",
        "private_group",
    }
)
_KINDS_OF_CHATS = (
    _("public_channel"), _("public_supergroup"), _("private_channel"), _("private_supergroup"),
    _("saved_messages"), _("replies"), _("verification_codes"), _("personal_chat"), _("bot_chat"),
    _("private_group"),
)  # fmt: skip
"""As Telegram Desktop writes them; for people they are translated where they are shown."""
_NO_ID = Sentence(_('id: a %(kind)s without a usable "id"'))
_NAME_CHARS = 255


class ChatPolicy:
    """Accepts public channels and groups, private ones when asked for, personal chats never."""

    def __init__(self, file: Path, *, include_private: bool) -> None:
        self._file = file
        self._include_private = include_private

    def wants(self, header: Header) -> bool:
        return not self._objection(header) and marked_channel_id(header.id) is not None

    def record(self, header: Header) -> Chat | SkippedChat | Problem:
        """The record of a chat. Raises SourceRefused for an unwanted chat that is the whole file."""
        kind, objection = kind_of(header), self._objection(header)
        if objection and header.single:
            raise SourceRefused(
                self._file,
                _("is an export of a chat of the type %(kind)s: %(objection)s."),
                {"kind": kind, "objection": objection},
            )
        if objection:
            return SkippedChat(kind=kind, reason=objection)
        marked = marked_channel_id(header.id)
        if marked is not None:
            return Chat(tg_channel_id=marked, kind=kind, title=_title(header))
        if header.single:
            raise SourceRefused(self._file, _('holds a chat with no usable "id"; export it again.'))
        return Problem(code="invalid_chat", detail=_NO_ID % {"kind": kind})

    def _objection(self, header: Header) -> str:
        kind = kind_of(header)
        if kind in PUBLIC_TYPES or (kind in PRIVATE_TYPES and self._include_private):
            return ""
        if kind in PRIVATE_TYPES:
            return _("it is private, and private chats are only imported when that is asked for")
        if kind in _NEVER_TYPES:
            return _("only channels and supergroups are imported; export one of those")
        return _("its type is unknown, so it may be private; export a public channel or supergroup")


def kind_of(header: Header) -> str:
    """The type if it is one of Telegram's, else "unknown": other text of the file is not shown."""
    known = PUBLIC_TYPES | PRIVATE_TYPES | _NEVER_TYPES
    return header.type if isinstance(header.type, str) and header.type in known else "unknown"


def _title(header: Header) -> str:
    return header.name[:_NAME_CHARS] if isinstance(header.name, str) else ""
