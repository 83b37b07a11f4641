"""Convert the ids of an export (bare, or with a prefix) to marked ones: negative, as elsewhere."""

import re
from typing import Any

_CHANNEL_OFFSET = 10**12
_MAX_BARE_ID = 10**12
_OLD_CHANNEL_IDS = range(2**33, 2**33 + 2**32)
"""Until April 2021 exports wrote the id with a type above its 32 bits, 2 for channels."""
_PEER = re.compile(r"(channel|chat)(\d{1,12})")


def may_be_old(bare: Any) -> bool:
    """Whether the id of a channel looks like one that was written before April 2021."""
    return isinstance(bare, int) and bare in _OLD_CHANNEL_IDS


def without_type(bare: int) -> int:
    """The id itself of one that was written before April 2021."""
    return bare - _OLD_CHANNEL_IDS.start


def marked_channel_id(bare: Any) -> int | None:
    """Mark the id of a channel: 2447843635 → -1002447843635; None where `bare` is no id."""
    if not isinstance(bare, int) or isinstance(bare, bool):
        return None
    if -2 * _CHANNEL_OFFSET < bare < -_CHANNEL_OFFSET:
        return bare  # marked already, by some tool that rewrote the file
    return -_CHANNEL_OFFSET - bare if 0 < bare < _MAX_BARE_ID else None


def marked_peer_id(peer: str | int | None) -> int | None:
    """Mark the id of `channel123` or `chat123`; None for people and for anything else."""
    found = _PEER.fullmatch(peer) if isinstance(peer, str) else None
    if found is None:
        return None
    bare = int(found[2])
    return -_CHANNEL_OFFSET - bare if found[1] == "channel" else -bare
