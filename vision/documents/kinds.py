"""Which files of posts are documents, by their type alone: nothing is fetched to know it."""

from typing import Final

_NOT_DOCUMENTS: Final = frozenset(
    {
        "application/gzip", "application/x-tgsticker", "application/ogg", "application/wasm",
        "application/java-archive", "application/vnd.android.package-archive",
        "application/x-executable", "application/x-msdownload", "application/x-shockwave-flash",
        "application/font-sfnt", "application/font-woff", "application/vnd.ms-fontobject",
    }
)  # fmt: skip
"""Animated stickers among them: a reason why these have no text would tell nobody anything."""


def is_document(mime: str) -> bool:
    """Whether the file may have a text; what has no type is looked at."""
    kind = mime.partition("/")[0]
    return kind == "text" or (kind == "application" and mime not in _NOT_DOCUMENTS)
