"""A rich message, a tree of blocks, by the keys of an export (its `message` is empty then)."""

from typing import Any, Final

from telethon.tl import types

from media.sources.telegram.shape.files import Files, files_of

_INLINE: Final = {
    "TextPlain": "plain", "TextBold": "bold", "TextItalic": "italic",
    "TextUnderline": "underline", "TextStrike": "strikethrough", "TextFixed": "code",
    "TextSubscript": "subscript", "TextSuperscript": "superscript", "TextMarked": "marked",
    "TextSpoiler": "spoiler", "TextUrl": "text_link", "TextAutoUrl": "link",
    "TextEmail": "email", "TextAutoEmail": "email", "TextPhone": "phone",
    "TextAutoPhone": "phone", "TextMention": "mention", "TextMentionName": "mention_name",
    "TextHashtag": "hashtag", "TextCashtag": "cashtag", "TextBotCommand": "bot_command",
    "TextBankCard": "bank_card", "TextAnchor": "anchor", "TextDiff": "diff",
}  # fmt: skip
_BLOCKS: Final = {
    "PageBlockParagraph": "paragraph", "PageBlockFooter": "footer",
    "PageBlockThinking": "thinking", "PageBlockPreformatted": "code",
    "PageBlockBlockquote": "quote", "PageBlockBlockquoteBlocks": "quote",
    "PageBlockPullquote": "quote", "PageBlockDetails": "details", "PageBlockList": "list",
    "PageBlockOrderedList": "list", "PageBlockTable": "table", "PageBlockCollage": "collage",
    "PageBlockSlideshow": "slideshow", "PageBlockEmbed": "embed", "PageBlockCover": "cover",
    "PageBlockDivider": "divider", "PageBlockAnchor": "anchor", "PageBlockMath": "math",
    "PageBlockPhoto": "photo", "PageBlockVideo": "video", "PageBlockAudio": "audio",
    "PageBlockDocument": "file", "PageBlockButtonRow": "button_row",
}  # fmt: skip
_HEADINGS: Final = ("PageBlockTitle", "PageBlockSubtitle", "PageBlockHeader", "PageBlockSubheader",
                    "PageBlockKicker")  # fmt: skip
_WITH_TEXT: Final = ("text", "title")
_MEDIA: Final = ("photo_id", "video_id", "audio_id", "document_id")


class Rich:
    """Converts the blocks of one message; what they show is gathered in `files`."""

    def __init__(self, message_id: int, rich: Any) -> None:
        self.files = Files(message_id)
        self._rich = rich
        self._media = {one.id: one for one in [*(rich.photos or ()), *(rich.documents or ())]}

    def value(self) -> dict[str, Any]:
        blocks = [self._block(block) for block in self._rich.blocks]
        return {"blocks": blocks} | ({"part": True} if self._rich.part else {})

    def _block(self, block: Any) -> dict[str, Any]:
        name = type(block).__name__
        is_heading = name.startswith("PageBlockHeading") or name in _HEADINGS
        kind = "heading" if is_heading else _BLOCKS.get(name, name)
        found: dict[str, Any] = {"type": kind}
        for key in _WITH_TEXT:
            if (text := getattr(block, key, None)) is not None:
                found[key] = inline(text)
        for key in ("blocks", "items"):
            if (inner := getattr(block, key, None)) is not None:
                place = "items" if kind in ("collage", "slideshow") else key
                found[place] = [self._member(one) for one in inner]
        found |= self._leaves(block) | self._file(block)
        return found

    def _member(self, member: Any) -> dict[str, Any]:
        """A block, or an item of a list: which has a text or blocks, and no type of its own."""
        if type(member).__name__.startswith("PageBlock"):
            return self._block(member)
        if (blocks := getattr(member, "blocks", None)) is not None:
            return {"blocks": [self._block(block) for block in blocks]}
        return {"text": inline(getattr(member, "text", None))}

    def _leaves(self, block: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if url := getattr(block, "url", None):
            found["url"] = url
        if isinstance(source := getattr(block, "source", None), str):
            found["formula"] = source
        if (cover := getattr(block, "cover", None)) is not None:
            found["block"] = self._block(cover)
        if (caption := getattr(block, "caption", None)) is not None:
            found["caption"] = _caption(caption)
        if (rows := getattr(block, "rows", None)) is not None:
            found["rows"] = [{"cells": [_cell(cell) for cell in row.cells]} for row in rows]
        if (buttons := getattr(block, "buttons", None)) is not None:
            found["buttons"] = [_button(button) for button in buttons]
        return found

    def _file(self, block: Any) -> dict[str, Any]:
        media = next((self._media.get(getattr(block, key, None)) for key in _MEDIA
                      if getattr(block, key, None) in self._media), None)  # fmt: skip
        if media is None:
            return {}
        wrapper = types.MessageMediaPhoto(photo=media) if isinstance(media, types.Photo) else (
            types.MessageMediaDocument(document=media)
        )  # fmt: skip
        found = files_of(self.files.message_id, wrapper)
        self.files.remote += found.remote
        return {key: value for key, value in found.keys.items() if key != "media_spoiler"}


def inline(text: Any) -> Any:
    """A text of blocks: a string, a part with a type, or a list of them."""
    match text:
        case None | types.TextEmpty():
            return ""
        case str():
            return text
        case types.TextPlain():
            return text.text
        case types.TextConcat():
            return [inline(part) for part in text.texts]
    kind = _INLINE.get(type(text).__name__)
    if kind is None:
        return inline(getattr(text, "text", None) or getattr(text, "alt", None))
    found = {"type": kind, "text": inline(text.text)}
    if kind == "text_link":
        found["href"] = text.url
    for key in ("email", "phone"):
        if kind == key and (target := getattr(text, key, None)):
            found[key] = target
    return found


def _caption(caption: Any) -> Any:
    if isinstance(caption, types.PageCaption):
        return {"text": inline(caption.text), "credit": inline(caption.credit)}
    return inline(caption)


def _cell(cell: Any) -> dict[str, Any]:
    return {"text": inline(cell.text)}


def _button(button: Any) -> dict[str, Any]:
    url = getattr(getattr(button, "type", None), "url", "")
    return {"text": inline(button.text), "button": {"url": url} if url else {}}
