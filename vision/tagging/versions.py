"""Whether a post is tagged again after an analysis: a pure decision (CONTRACT §11)."""

from dataclasses import dataclass
from typing import Final

from vision import version

VERSION_CHECK_FAILED: Final = "version_check_failed"
NO_CHANGES: Final = "no_changes"


@dataclass(frozen=True, slots=True)
class Seen:
    """An analysis as tags know it: its version, and the hash of what it found."""

    version: str = ""
    features_hash: str = ""


def is_newer(one: str, than: str) -> bool:
    """Compare by numbers: `#p10` is newer than `#p9`. What cannot be read is older than whatever can."""
    parsed, other = version.parse(one), version.parse(than)
    return parsed is not None and (other is None or parsed > other)


def newest(one: str, other: str) -> str:
    return one if is_newer(one, other) else other or one


def why_not(new: Seen, tagged: Seen | None) -> str:
    """Why the post keeps its tags; empty where it is tagged again. Without tags it always is."""
    if tagged is None or new.features_hash != tagged.features_hash:
        return ""
    if is_newer(new.version, tagged.version):
        return ""
    return NO_CHANGES if new.version == tagged.version else VERSION_CHECK_FAILED
