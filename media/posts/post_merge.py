"""What a later import changes of a stored post. Pure: no queries."""

from collections.abc import Sequence

from media.models import MediaState
from media.posts.post_row import PostRow


def merge(existing: PostRow, incoming: PostRow, contents: Sequence[str]) -> PostRow | None:
    """
    Return the row to write over `existing`, or None where nothing is to be written.

    An older export never removes what a newer one brought: neither the text of a later
    edit, nor a file that is stored, nor an album id that Telegram itself gave.
    """
    if _edit_time(incoming) < _edit_time(existing):
        return _add_file(existing, incoming) if contents else None
    if existing.media_state == MediaState.STORED and incoming.media_state != MediaState.STORED:
        incoming.media_state = existing.media_state
        incoming.media_kind = incoming.media_kind or existing.media_kind
        incoming.has_media = True
    if _keeps_album(existing.grouped_id, incoming.grouped_id):
        incoming.grouped_id = existing.grouped_id
    for counter in ("views_count", "forwards_count", "replies_count"):
        if getattr(incoming, counter) is None:
            setattr(incoming, counter, getattr(existing, counter))
    return incoming


def _edit_time(post: PostRow) -> float:
    return post.edited_at.timestamp() if post.edited_at else 0.0


def _add_file(existing: PostRow, incoming: PostRow) -> PostRow | None:
    """Keep the stored text, which is newer, and add the file if none is stored yet."""
    if existing.media_state == MediaState.STORED:
        return None
    existing.media_state, existing.media_kind = incoming.media_state, incoming.media_kind
    existing.has_media = True
    existing.source_fingerprint = incoming.source_fingerprint
    return existing


def _keeps_album(existing: int | None, incoming: int | None) -> bool:
    """Telegram's ids (positive) win over those of the import's rule (negative), any id over none."""
    return existing is not None and (incoming is None or (existing > 0 > incoming))
