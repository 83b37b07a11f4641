"""Rich messages: every word once and in order, no other word, and whatever stands among them."""

import random
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.sources.export.messages.content import read_content
from media.sources.export.messages.schema import RawMessage
from media.sources.port import Absence, MediaKind
from tests.examples import examples
from tests.unit.exports import message, read_one


def plain(text):
    return {"type": "plain", "text": text}


def paragraph(*parts):
    return {"type": "paragraph", "text": {"type": "concat", "text": list(parts)}}


def rich(*blocks, **more):
    return message(1, rich_message={"rtl": False, "part": False, "blocks": list(blocks)} | more)


def content_of(raw):
    value = {key: inner for key, inner in raw.items() if key not in ("text", "text_entities")}
    return read_content(value, RawMessage.model_validate(value), lambda _: 1)


def text_of(*blocks):
    return content_of(rich(*blocks)).text


def shuffled(value, chance):
    """The same JSON with the keys of each object in another order."""
    if isinstance(value, list):
        return [shuffled(inner, chance) for inner in value]
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return value


# Known shapes


def test_old_shapes_with_plain_strings_are_read_too(tmp_path):
    blocks = [
        {"type": "heading", "text": "Заголовок"},
        {
            "type": "paragraph",
            "text": ["до ", {"type": "text_link", "text": "тут", "href": "e.org"}],
        },
        {"type": "list", "items": [{"text": "раз"}, {"blocks": [{"text": "два"}]}]},
        {"type": "photo", "photo_skip_reason": "file_size", "caption": {"text": "подпись"}},
        7,
    ]

    post = read_one(tmp_path, rich(*blocks))

    assert post.text == "Заголовок\nдо тут\nраз\nдва\nподпись"
    assert post.links == ("https://e.org",)
    assert post.attachment.absence is Absence.EXCEEDS_LIMIT


@pytest.mark.parametrize("odd", [{}, {"blocks": None}, {"blocks": [None, {"text": {"a": 1}}]},
                                 {"blocks": "text"}, {"blocks": {"type": "text"}}])  # fmt: skip
def test_a_rich_message_without_words_has_no_text(tmp_path, odd):
    assert read_one(tmp_path, message(1, rich_message=odd)).text == ""


def test_a_text_beside_a_rich_message_without_words_is_kept(tmp_path):
    raw = message(1, text="запасной", rich_message={"blocks": [{"type": "divider"}]})

    assert read_one(tmp_path, raw).text == "запасной"


def test_a_sentence_stays_whole_however_deep_its_formats_are():
    nested = {
        "type": "bold",
        "text": {"type": "italic", "text": {"type": "spoiler", "text": plain("б")}},
    }
    mail = {"type": "email", "email": "a@e.org", "text": plain("a@e.org")}
    math = {"type": "math", "source": "x^2"}
    moment = {"type": "formatted_date", "text": plain("завтра"), "date": "2026-01-01T00:00:00",
              "date_unixtime": "1", "relative": True}  # fmt: skip

    block = paragraph(
        plain("а "), nested, plain(" в "), mail, plain(", "), math, plain(" "), moment
    )

    assert text_of(block) == "а б в a@e.org, x^2 завтра"


def test_links_names_and_tags_are_kept_inside_of_formats_and_in_order():
    found = content_of(
        rich(
            paragraph(
                {"type": "bold", "text": {"type": "hashtag", "text": plain("#а")}},
                {"type": "text_link", "href": "https://1.example", "webpage_id": "5",
                 "text": {"type": "italic", "text": plain("раз")}},
                {"type": "link", "text": {"type": "bold", "text": plain("2.example")}},
                {"type": "mention", "text": plain("@к")},
                {"type": "text_link", "href": "#часть", "text": plain("ниже")},
                {"type": "button", "text": plain("кнопка"),
                 "button": {"type": "web_view", "url": "https://3.example"}},
            ),
            {"type": "embed", "url": "https://4.example", "html": "<b>html</b>",
             "full_width": True, "allow_scrolling": False, "caption": {"text": plain("видео")}},
            {"type": "channel", "channel": {"source_type": "channel", "id": "7",
             "title": "Канал", "username": "kanal", "broadcast": True}},
        )
    )  # fmt: skip

    assert found.text == "#араз2.example@книжекнопка\nвидео\nКанал"
    assert list(found.entities.links) == [
        "https://1.example", "https://2.example", "https://3.example", "https://4.example"
    ]  # fmt: skip
    assert list(found.entities.mentions) == ["@к", "@kanal"]
    assert list(found.entities.hashtags) == ["#а"]
    assert found.extra["buttons"] == [{"text": "кнопка", "url": "https://3.example"}]
    assert found.unknown == {}


def test_rows_stand_side_by_side():
    cells = [
        {"cells": [{"text": plain("а")}, {"header": True}, {"text": plain("б")}]},
        {"cells": []},
    ]
    buttons = [{"text": plain("Да"), "button": {"type": "callback"}}, {"text": plain("Нет")}]

    assert text_of(
        {"type": "table", "title": {"type": "empty"}, "rows": cells},
        {"type": "button_row", "buttons": buttons},
    ) == "а б\nДа Нет"  # fmt: skip


def test_what_a_button_copies_or_asks_is_kept():
    actions = [
        {"type": "copy_text", "copy_text": "КОД"}, {"type": "switch_inline", "query": "запрос"},
        {"type": "url", "url": "javascript:alert(1)"}, {"type": "callback", "data": "тайна"},
    ]  # fmt: skip
    buttons = [{"text": plain("К"), "button": action} for action in actions]

    found = content_of(rich({"type": "button_row", "buttons": buttons}))

    assert found.extra["buttons"] == [
        {"text": "К", "copy_text": "КОД"}, {"text": "К", "query": "запрос"},
        {"text": "К", "data": "javascript:alert(1)"}, {"text": "К"},
    ]  # fmt: skip
    assert (list(found.entities.links), found.unknown) == ([], {})


def test_an_address_or_number_behind_other_words_is_a_link():
    parts = [
        {"type": "email", "email": "a@e.org", "text": plain("почта")},
        {"type": "phone", "phone": "+7999", "text": {"type": "bold", "text": plain("звоните")}},
        {"type": "email", "text": plain("b@e.org")}, {"type": "email", "email": "", "text": plain("в")},
        {"type": "email", "email": "c@e.org", "text": plain("c@e.org")},
        {"type": "phone", "phone": 7, "text": plain("г")},
    ]  # fmt: skip

    found = content_of(rich(paragraph(*parts)))

    assert list(found.entities.links) == ["mailto:a@e.org", "tel:+7999"]
    assert found.unknown == {"rich_message.blocks[0].text.text[5].phone": 7}


def test_an_address_that_is_no_text_is_kept_as_it_is():
    block = {"type": "embed", "url": ["e.org"], "caption": {"text": plain("да")}}

    found = content_of(rich(block))

    assert (found.text, found.unknown) == ("да", {"rich_message.blocks[0].url": ["e.org"]})


def test_who_plays_what_is_kept_of_each_track():
    def audio(**fields):
        return {"type": "audio", "document_id": "1", "file_skip_reason": "file_size", **fields}

    def extra(*blocks):
        return content_of(rich(*blocks)).extra

    first, second = {"performer": "Хор", "title": "Волга"}, {"performer": "Дуэт"}

    assert extra(audio(**first)) == first
    assert extra(audio(**second), audio()) == second
    assert extra(
        audio(**first), {"type": "collage", "items": [audio(**second), audio(**first)]}
    ) == {
        **first,
        "more_tracks": [second, first],
    }
    assert extra(audio(**second), audio(title="Ока")) == {
        **second,
        "more_tracks": [{"title": "Ока"}],
    }
    odd = content_of(rich(audio(performer=5, title="Ока")))
    assert (odd.extra, odd.unknown) == ({"title": "Ока"}, {"rich_message.blocks[0].performer": 5})


def test_nothing_but_words_comes_from_blocks_that_have_none():
    blocks = [
        {"type": "divider"},
        {"type": "anchor", "name": "низ"},
        {"type": "unsupported", "source_type": "page_block_unsupported", "unsupported": True},
        {"type": "code", "language": "python", "text": plain("x = 1\n\ny = 2")},
        {"type": "list", "kind": "ordered", "reversed": False, "start": 3, "list_type": "a",
         "items": [{"content": "text", "num": "c.", "value": 3, "item_type": "a",
                    "task_state": "none", "text": plain("три")}]},
    ]  # fmt: skip

    found = content_of(rich(*blocks))

    assert (found.text, found.unknown) == ("x = 1\n\ny = 2\nтри", {})


def test_a_map_says_where():
    geo = {"source_type": "geo_point", "latitude": 55.7, "longitude": 37.6, "access_hash": "9"}
    block = {"type": "map", "geo": geo, "zoom": 3, "width": 1, "height": 1,
             "caption": {"text": plain("причал")}}  # fmt: skip

    found = content_of(rich(block))

    assert (found.text, found.extra) == (
        "причал",
        {"location": {"latitude": 55.7, "longitude": 37.6}},
    )


# Files


def test_every_file_inside_is_taken_in_its_order():
    photo = {"type": "photo", "photo_id": "1", "photo": "photos/a.jpg", "photo_file_size": 9,
             "width": 3, "height": 4, "spoiler": True}  # fmt: skip
    blocks = [
        {"type": "cover", "block": photo},
        {"type": "collage", "items": [
            photo | {"photo": "photos/b.jpg", "spoiler": False},
            {"type": "video", "document_id": "2", "file": "video_files/c.mp4", "file_name": "Кино.mp4",
             "file_size": 5, "thumbnail": "video_files/c.mp4_thumb.jpg", "mime_type": "video/mp4",
             "media_type": "video_file", "duration_seconds": 61},
        ]},
        {"type": "audio", "file_skip_reason": "file_type"},
        {"type": "related_articles", "articles": [
            {"url": "https://e.org", "photo": "photos/d.jpg", "photo_width": 1, "photo_height": 2},
            {"url": "https://e.org", "photo_id": "9", "photo_skip_reason": "unavailable"},
        ]},
        {"type": "embed_post", "author": "Автор", "author_photo": "photos/e.jpg", "blocks": []},
        paragraph({"type": "inline_image", "document_id": "1", "file": "files/f.webp",
                   "media_type": "sticker"}),
        {"type": "brand_new", "panes": [{"type": "photo", "photo": "photos/g.jpg"}],
         "photo": "photos/h.jpg"},
    ]  # fmt: skip

    files = content_of(rich(*blocks)).files

    assert [(file.kind, file.path, file.absence) for file in files] == [
        (MediaKind.PHOTO, "photos/a.jpg", None),
        (MediaKind.PHOTO, "photos/b.jpg", None),
        (MediaKind.VIDEO, "video_files/c.mp4", None),
        (MediaKind.AUDIO, "", Absence.NOT_INCLUDED),
        (MediaKind.PHOTO, "photos/d.jpg", None),
        (MediaKind.PHOTO, "photos/e.jpg", None),
        (MediaKind.STICKER, "files/f.webp", None),
        (MediaKind.PHOTO, "photos/h.jpg", None),
        (MediaKind.PHOTO, "photos/g.jpg", None),
    ]
    assert (files[0].width, files[0].height, files[0].spoiler) == (3, 4, True)
    assert (files[2].file_name, files[2].thumbnail_path) == (
        "Кино.mp4",
        "video_files/c.mp4_thumb.jpg",
    )
    assert (files[4].width, files[4].height) == (1, 2)


@pytest.mark.parametrize(
    ("reason", "absence"),
    [("file_type", Absence.NOT_INCLUDED), ("date_limits", Absence.NOT_INCLUDED),
     ("file_size", Absence.EXCEEDS_LIMIT), ("unavailable", Absence.UNAVAILABLE),
     ("brand_new", Absence.UNAVAILABLE), (5, Absence.UNAVAILABLE)],
)  # fmt: skip
def test_a_picture_that_is_left_out_says_why(reason, absence):
    (file,) = content_of(rich({"type": "photo", "photo_skip_reason": reason})).files

    assert (file.absence, file.path) == (absence, "")


@pytest.mark.parametrize("odd", [5, [], {}, True, -1, 2**80, "wide"])
def test_measures_of_a_wrong_type_cost_neither_picture_nor_post(odd):
    block = {
        "type": "photo",
        "photo": "a.jpg",
        "width": odd,
        "photo_file_size": odd,
        "spoiler": odd,
    }

    (file,) = content_of(rich(block)).files

    assert file.path == "a.jpg"


def test_a_rich_message_is_no_item_of_an_album(tmp_path):
    block = {"type": "photo", "photo_skip_reason": "file_type"}
    raws = [rich(block) | {"id": number, "date_unixtime": "1781868410"} for number in (1, 2)]

    assert {read_one(tmp_path, raw).grouped_id for raw in raws} == {None}


# Unknown shapes


def test_an_unknown_block_gives_its_text_and_is_kept_whole():
    block = {"type": "hologram", "mode": "text", "title": "Свет", "url": "https://e.org",
             "layers": [plain("раз "), {"type": "bold", "text": plain("два")}], "align": "left",
             "rows": ["blocks", {"text": plain("три")}], "size": 5}  # fmt: skip

    found = content_of(rich(paragraph(plain("до")), block, paragraph(plain("после"))))

    assert found.text == "до\nСвет\nраз два\nтри\nпосле"
    assert list(found.entities.links) == ["https://e.org"]
    assert found.unknown == {"rich_message.blocks[1]:hologram": block}


def test_an_unknown_part_of_a_sentence_does_not_break_it():
    glow = {"type": "glow", "color": "red", "text": {"type": "bold", "text": plain("ярко")}}

    assert text_of(paragraph(plain("Горит "), glow, plain(" огонь"))) == "Горит ярко огонь"


def test_an_unknown_key_of_a_known_block_is_kept_and_gives_no_text():
    block = paragraph(plain("да")) | {"footnote": plain("нет"), "align": "center"}

    found = content_of(rich(block, flavour="text"))

    assert found.text == "да"
    assert found.unknown == {
        "rich_message.flavour": "text",
        "rich_message.blocks[0].footnote": plain("нет"),
        "rich_message.blocks[0].align": "center",
    }


STYLES = st.sampled_from(["text", "blocks", "left", "top", "checked", "center", "zzz"])
WORD = st.just("word")
INLINE = st.recursive(
    WORD,
    lambda inner: st.one_of(
        st.tuples(st.just("concat"), st.lists(inner, min_size=1, max_size=4)),
        st.tuples(st.sampled_from(["bold", "code", "marked", "mention_name", "spoiler"]), inner),
        st.tuples(st.just("unknown inline"), STYLES, inner),
    ),
    max_leaves=5,
)
BLOCK = st.recursive(
    st.tuples(st.sampled_from(["paragraph", "heading", "footer", "code"]), INLINE),
    lambda inner: st.one_of(
        st.tuples(st.just("list"), st.lists(inner | INLINE.map(lambda i: ("item", i)), max_size=3)),
        st.tuples(st.just("details"), INLINE, st.lists(inner, max_size=3)),
        st.tuples(st.just("cover"), inner),
        st.tuples(st.just("table"), st.lists(st.lists(INLINE, max_size=3), max_size=2)),
        st.tuples(st.just("unknown"), STYLES, st.lists(inner | INLINE.map(lambda i: ("bare", i)), max_size=3)),
    ),
    max_leaves=8,
)  # fmt: skip


class Builder:
    """Builds JSON of a drawn structure; each word is another one, in the order of reading."""

    def __init__(self):
        self.words = []
        self._numbers = count()

    def word(self):
        self.words.append(f"слово{next(self._numbers)}")
        return plain(f" {self.words[-1]} ")

    def inline(self, drawn):
        if drawn == "word":
            return self.word()
        if drawn[0] == "concat":
            return {"type": "concat", "text": [self.inline(inner) for inner in drawn[1]]}
        if drawn[0] == "unknown inline":
            return {"type": f"new_{drawn[1]}", "style": drawn[1], "text": self.inline(drawn[2])}
        return {"type": drawn[0], "text": self.inline(drawn[1])}

    def block(self, drawn):
        return getattr(self, f"_{drawn[0]}", self._line)(*drawn)

    def _line(self, kind, inner):
        return {"type": kind, "text": self.inline(inner)}

    def _bare(self, _, inner):
        return self.inline(inner)

    def _list(self, kind, items):
        return {"type": kind, "kind": "unordered", "items": [self._item_of(item) for item in items]}

    def _item_of(self, item):
        if item[0] == "item":
            return {"task_state": "none", "content": "text", "text": self.inline(item[1])}
        return {"task_state": "none", "content": "blocks", "blocks": [self.block(item)]}

    def _details(self, kind, title, blocks):
        return {
            "type": kind,
            "title": self.inline(title),
            "open": True,
            "blocks": [self.block(block) for block in blocks],
        }

    def _cover(self, kind, block):
        return {"type": kind, "block": self.block(block)}

    def _table(self, kind, rows):
        cells = [[{"text": self.inline(c), "align": "left"} for c in row] for row in rows]
        return {"type": kind, "title": {"type": "empty"}, "rows": [{"cells": row} for row in cells]}

    def _unknown(self, _, style, inner):
        first, rest = inner[:1], inner[1:]
        return {
            "type": f"new_{style}",
            "content": style,
            "front": [self.block(one) for one in first],
            style: {"type": f"deeper_{style}", "parts": [self.block(one) for one in rest]},
            "padding": [1, 2],
        }


@settings(max_examples=examples(200))
@given(drawn=st.lists(BLOCK, min_size=1, max_size=4))
def test_whatever_the_blocks_every_word_comes_once_and_in_order_and_no_other(drawn):
    builder = Builder()
    blocks = [builder.block(one) for one in drawn]

    assert text_of(*blocks).split() == builder.words


@settings(max_examples=examples(100))
@given(drawn=st.lists(BLOCK.filter(lambda one: "unknown" not in repr(one)), max_size=4),
       seed=st.integers(0, 2**32))  # fmt: skip
def test_known_blocks_are_read_in_the_order_of_reading_whatever_that_of_the_keys(drawn, seed):
    blocks = [Builder().block(one) for one in drawn]

    found = content_of(rich(*shuffled(blocks, random.Random(seed))))

    assert found == content_of(rich(*blocks))
    assert found.unknown == {}
