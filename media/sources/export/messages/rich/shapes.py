"""
What each kind of block and of inline text consists of, in the order in which it is read.

The order is fixed here, not taken from the file: a caption stands after what it belongs to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from media.sources.export.messages.known_keys import FILE_KEYS


class Part(Enum):
    """How the value of a key is read."""

    TEXT = auto()  # inline: one line, whatever is bold in it
    WORDS = auto()  # a plain string that a reader sees
    LINK = auto()
    BLOCKS = auto()  # a block, or a list of them
    USERNAME = auto()


@dataclass(frozen=True, slots=True)
class Shape:
    """
    `parts` are read in their order, a line each; `silent` keys hold nothing that is read.

    `in_row`: its lines stand beside each other, as the cells of a table do.
    """

    parts: Mapping[str, "Part | Shape"] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    in_row: bool = False


def _shape(silent: str = "", *, in_row: bool = False, **parts: Part | Shape) -> Shape:
    return Shape(parts, frozenset(silent.split()), in_row)


_PHOTO = "photo_id photo photo_skip_reason photo_file_size webpage_id"
_DATE = "date date_unixtime"
_DOCUMENT = f"document_id file_skip_reason thumbnail_skip_reason {FILE_KEYS}"
_PLAYED = "autoplay loop spoiler"
_WRAPPER = _shape(text=Part.TEXT)
_CAPTION = _shape(text=Part.TEXT, credit=Part.TEXT)
_ACTION = _shape(
    "forward_text button_id requires_password data dataBase64 query same_peer peer_types user_id"
    " copy_text",
    url=Part.LINK,
)
BUTTON = _shape("style", text=Part.TEXT, button=_ACTION)
_MATH = _shape(formula=Part.WORDS, source=Part.WORDS)
_ITEM = _shape("task_state content num value item_type", text=Part.TEXT, blocks=Part.BLOCKS)
_CELL = _shape("colspan rowspan header align vertical_align", text=Part.TEXT)
_ROW = _shape(in_row=True, cells=_CELL)
_ARTICLE = _shape(
    f"{_PHOTO} photo_width photo_height published_date published_date_unixtime",
    url=Part.LINK,
    title=Part.WORDS,
    description=Part.WORDS,
    author=Part.WORDS,
)
_CHANNEL = _shape(
    "source_type id access_hash broadcast megagroup monoforum",
    title=Part.WORDS,
    username=Part.USERNAME,
)
MAP = _shape("geo zoom width height", caption=_CAPTION)
_MEMBERS = _shape(items=Part.BLOCKS, caption=_CAPTION)
FILE = _shape(f"{_DOCUMENT} {_PLAYED}", caption=_CAPTION)
_NOTHING = _shape("source_type unsupported name")

BLOCKS: Mapping[str, Shape] = {
    "heading": _shape("level", text=Part.TEXT),
    "paragraph": _WRAPPER,
    "footer": _WRAPPER,
    "thinking": _WRAPPER,
    "author_date": _shape(_DATE, author=Part.TEXT),
    "code": _shape("language", text=Part.TEXT),
    "divider": _NOTHING,
    "anchor": _NOTHING,
    "unsupported": _NOTHING,
    "list": _shape("kind reversed start list_type", items=_ITEM),
    "quote": _shape("content pullquote", text=Part.TEXT, blocks=Part.BLOCKS, caption=Part.TEXT),
    "photo": _shape(f"{_PHOTO} width height spoiler", url=Part.LINK, caption=_CAPTION),
    "video": FILE,
    "audio": FILE,
    "file": FILE,
    "cover": _shape(block=Part.BLOCKS),
    "embed": _shape(
        "html poster_photo_id poster_photo poster_photo_skip_reason poster_photo_file_size"
        " poster_photo_width poster_photo_height width height full_width allow_scrolling",
        url=Part.LINK,
        caption=_CAPTION,
    ),
    "embed_post": _shape(
        "webpage_id author_photo_id author_photo author_photo_skip_reason author_photo_file_size"
        f" author_photo_width author_photo_height {_DATE}",
        url=Part.LINK,
        author=Part.WORDS,
        blocks=Part.BLOCKS,
        caption=_CAPTION,
    ),
    "collage": _MEMBERS,
    "slideshow": _MEMBERS,
    "channel": _shape(channel=_CHANNEL),
    "math": _MATH,
    "table": _shape("bordered striped compact", title=Part.TEXT, rows=_ROW),
    "details": _shape("open", title=Part.TEXT, blocks=Part.BLOCKS),
    "related_articles": _shape(title=Part.TEXT, articles=_ARTICLE),
    "map": MAP,
    "input_map": MAP,
    "button_row": _shape("alignment", in_row=True, buttons=BUTTON),
}
_WRAPPERS = (
    "plain concat bold italic underline strikethrough code subscript superscript marked spoiler"
    " mention hashtag bot_command cashtag link bank_card"
)
INLINE: Mapping[str, Shape] = {
    **dict.fromkeys(_WRAPPERS.split(), _WRAPPER),
    "empty": _NOTHING,
    "text_link": _shape("webpage_id", href=Part.LINK, text=Part.TEXT),
    "email": _shape("email", text=Part.TEXT),
    "phone": _shape("phone", text=Part.TEXT),
    "anchor": _shape("name", text=Part.TEXT),
    "math": _MATH,
    "custom_emoji": _shape("document_id", text=Part.TEXT),
    "mention_name": _shape("user_id", text=Part.TEXT),
    "formatted_date": _shape(
        f"{_DATE} relative short_time long_time short_date long_date day_of_week",
        text=Part.TEXT,
    ),
    "inline_image": _shape(_DOCUMENT),
    "diff": _shape("unsupported", text=Part.TEXT),
    "button": BUTTON,
}
