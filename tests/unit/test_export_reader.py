import io
import json
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.sources.export import ExportSource
from media.sources.export.json_stream.reader import Cursor
from media.sources.export.json_stream.repair import clean, repair
from media.sources.export.json_stream.text_window import Window
from media.sources.port import Chat, Message, Problem, SourceRefused
from tests.examples import examples
from tests.unit.exports import UTC, chat, message, photo, read, read_messages, write

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
KEYS = ("messages", "chats", "left_chats", "list", "type", "id", "name", "text", "date_unixtime")
EXPORT_LIKE = st.recursive(
    st.sampled_from([None, 0, 1, -5, 1e300, "", "message", "public_channel", "1781868410", "(x)"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=30,
)


def whole(*texts):
    return json.dumps(chat([message(n, text=t) for n, t in enumerate(texts, 1)]), indent=1)


def texts_of(records):
    return [record.text for record in records if isinstance(record, Message)]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path):
    content = b"\xef\xbb\xbf" + whole("один").replace("\n", "\r\n").encode()

    records = read(write(tmp_path, content))

    assert texts_of(records) == ["один"]


def test_an_escape_that_is_not_json_becomes_the_character_it_means(tmp_path):
    content = whole("aZb").replace("aZb", r"a\x01b").encode()

    records = read(write(tmp_path, content))

    assert texts_of(records) == ["a\x01b"]


def test_an_escape_in_the_name_of_the_chat_is_repaired_too(tmp_path):
    content = whole("x").replace(r"\u041a\u0430\u043d\u0430\u043b", r"A\x02B", 1).encode()

    (found, _) = read(write(tmp_path, content))

    assert found.title == "A\x02B"


def test_letters_after_a_written_backslash_are_no_escape():
    assert repair(r'"a\\x01 \x1F \\\x02 \n"') == r'"a\\x01 \u001F \\\u0002 \n"'


@pytest.mark.parametrize(
    "path", ["video_files/sticker (2).webm", "stickers/a,b.webp", "(unavailable)", ""]
)
def test_the_path_that_version_4_1_1_left_without_quotes_is_read(tmp_path, path):
    entity = {"type": "custom_emoji", "text": "😮", "document_id": "PATH"}
    content = json.dumps(chat([message(1, text_entities=[entity, entity])]), indent=1)

    records = read(write(tmp_path, content.replace('"PATH"', path).encode()))

    assert texts_of(records) == ["😮😮"]


@settings(max_examples=examples(150), deadline=None)
@given(
    texts=st.lists(st.text(), min_size=1, max_size=5),
    controls=st.lists(st.integers(0, 31), max_size=4),
    chunk_bytes=st.integers(1, 90),
)
def test_where_the_chunks_end_makes_no_difference(tmp_path_factory, texts, controls, chunk_bytes):
    folder = tmp_path_factory.mktemp("export")
    escapes = "".join(rf"\x{code:02X}" for code in controls)
    content = json.dumps(chat([message(n, text=f"{t}@@") for n, t in enumerate(texts, 1)]))
    write(folder, content.replace("@@", escapes).encode())

    records = read(folder, chunk_bytes=chunk_bytes)

    meant = "".join(map(chr, controls))
    assert texts_of(records) == [clean(f"{text}@@".replace("@@", meant)) for text in texts]


@pytest.mark.costly
@settings(max_examples=examples(200), deadline=None)
@given(value=JSON_VALUES, chunk_bytes=st.integers(1, 40))
def test_any_json_value_is_read_and_skipped_whole(value, chunk_bytes):
    content = json.dumps([value, value, 7], ensure_ascii=False).encode("utf-8", "replace")
    expected = clean(json.loads(content, strict=False))

    cursor = Cursor(Window(io.BytesIO(content), chunk_bytes=chunk_bytes))
    steps = cursor.items()
    next(steps)
    first = cursor.value()
    next(steps)
    cursor.skip()
    next(steps)

    assert (first, cursor.value()) == (expected[0], 7)


@pytest.mark.costly
@settings(max_examples=examples(300), deadline=None)
@given(content=st.binary(max_size=300) | EXPORT_LIKE.map(lambda v: json.dumps(v).encode()))
def test_garbage_is_refused_or_reported_and_nothing_else_happens(tmp_path_factory, content):
    folder = write(tmp_path_factory.mktemp("garbage"), content)
    try:
        read(folder, chunk_bytes=7)
    except SourceRefused as refusal:
        assert str(refusal)  # noqa: PT017


@settings(max_examples=examples(300), deadline=None)
@given(cut=st.integers(1, 1600), junk=st.binary(max_size=6))
def test_a_file_damaged_anywhere_gives_what_stands_before_the_damage(tmp_path_factory, cut, junk):
    content = whole(*"абвгд").encode()
    cut = min(cut, len(content) - 1)
    folder = write(tmp_path_factory.mktemp("damage"), content[:cut] + junk)
    try:
        records = read(folder)
    except SourceRefused:
        assert cut < content.index(b'"messages"') + 20
        return

    texts = texts_of(records)
    assert texts == list("абвгд")[: len(texts)]


def test_a_truncated_file_gives_everything_before_and_says_where_it_ends(tmp_path):
    content = whole("один", "два", "три").encode()
    content = content[: content.index(b'"id": 3') + 40]

    *before, problem = read(write(tmp_path, content))

    assert texts_of(before) == ["один", "два"]
    assert (problem.code, problem.fatal) == ("truncated", True)
    assert "result.json, near byte " in problem.detail
    assert "after message 2" in problem.detail


@pytest.mark.parametrize("cut", [b'"id": 3', b'"text": "'])
def test_a_file_cut_inside_a_key_or_a_text_is_truncated(tmp_path, cut):
    content = whole("один", "два", "три").encode()
    content = content[: content.rindex(cut) + len(cut) - 1]

    assert read(write(tmp_path, content))[-1].code == "truncated"


def test_an_album_that_waits_is_not_lost_when_the_file_breaks_off(tmp_path):
    content = json.dumps(chat([photo(1), photo(2), photo(3)]))
    content = content[: content.index('"id": 3')].encode()

    _, first, second, problem = read(write(tmp_path, content))

    assert (first.grouped_id, second.grouped_id) == (-1, -1)
    assert problem.code == "truncated"


def test_what_is_wrong_between_messages_ends_the_reading(tmp_path):
    content = whole("один", "два").replace("  },\n", "  }\n", 1).encode()

    *before, problem = read(write(tmp_path, content))

    assert texts_of(before) == ["один"]
    assert (problem.code, problem.fatal) == ("malformed_json", True)


def test_a_missing_bracket_is_malformed_not_truncated(tmp_path):
    content = whole("один", "два", "три").replace('"text_entities": []\n  }', '"x": 1', 1)

    problem = read(write(tmp_path, content.encode()))[-1]

    assert (problem.code, problem.fatal) == ("malformed_json", True)


@pytest.mark.parametrize("bad", ['"text": nope', '"text": NaN', '"text": 1e999', '"text": "\\q"'])
def test_one_message_that_is_not_json_is_skipped_alone(tmp_path, bad):
    content = whole("один", "два", "три").replace(json.dumps("два"), "@").replace('"text": @', bad)

    _, first, problem, last = read(write(tmp_path, content.encode()))

    assert (first.text, last.text) == ("один", "три")
    assert (problem.code, problem.message_id, problem.fatal) == ("invalid_message", 2, False)


def test_something_after_the_export_is_reported(tmp_path):
    records = read(write(tmp_path, whole("один").encode() + b"{}"))

    assert texts_of(records) == ["один"]
    assert records[-1].code == "malformed_json"


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 18])
def test_bytes_that_are_not_utf8_cost_their_message_only(tmp_path, chunk_bytes):
    content = whole("one", "two", "три").encode().replace(b"two", b"t\xffo")

    _, first, problem, last = read(write(tmp_path, content), chunk_bytes=chunk_bytes)

    assert (first.text, last.text) == ("one", "три")
    assert (problem.code, problem.message_id, problem.fatal) == ("invalid_message", 2, False)
    end = content.index(b"}", content.index(b"\xff")) + 1
    assert problem.detail == f"result.json, near byte {end}: the file is not UTF-8 here"


def test_bytes_that_are_not_utf8_between_messages_end_the_reading_where_they_stand(tmp_path):
    content = whole("one", "two").encode()
    at = content.index(b"},") + 1

    *before, problem = read(write(tmp_path, content[:at] + b"\xff" + content[at:]))

    assert texts_of(before) == ["one"]
    assert (problem.code, problem.fatal) == ("malformed_json", True)
    assert f"near byte {at}," in problem.detail
    assert "not UTF-8" in problem.detail


ABSURDLY_LONG = {
    "a text": json.dumps("я" * 60_000, ensure_ascii=False),
    "a text of escapes": '"' + r"\n" * 30_000 + '"',
    "a number": "9" * 60_000,
    "a list": "[" + "1," * 30_000 + "1]",
    "nested": "[" * 30_000 + "]" * 30_000,
    "strings in lists": "[" + '["a\\\\", "]"],' * 4_000 + "1]",
}


@pytest.mark.parametrize("kind", ABSURDLY_LONG)
@pytest.mark.parametrize("chunk_bytes", [100, 3000])
@pytest.mark.parametrize("field", ["text", "unheard_of"])
def test_a_value_that_memory_cannot_hold_costs_its_message_only(tmp_path, kind, chunk_bytes, field):
    content = json.dumps(chat([message(1), message(2, **{field: "@"}), message(3)]))
    content = content.replace('"@"', ABSURDLY_LONG[kind]).encode()

    _, first, problem, last = read(
        write(tmp_path, content), chunk_bytes=chunk_bytes, max_value_chars=10_000
    )

    assert (first.message_id, last.message_id) == (1, 3)
    assert (problem.code, problem.message_id, problem.fatal) == ("invalid_message", 2, False)
    assert "result.json, near byte " in problem.detail


def test_a_bracket_that_is_missing_in_a_big_file_is_found_at_its_message(tmp_path):
    content = json.dumps(chat([message(n, text="x" * 500) for n in range(1, 100)]))
    at = content.index('{"id": 50,')
    content = content[:at] + content[at:].replace("}", "", 1)

    problem = read(write(tmp_path, content.encode()), max_value_chars=5_000, chunk_bytes=300)[-1]

    assert (problem.code, problem.fatal) == ("malformed_json", True)
    assert f"near byte {at}, after message 49" in problem.detail


@pytest.mark.parametrize(
    ("absurd", "says"),
    [
        ("NaN", "not a JSON value"), ("-Infinity", "not a JSON value"),
        ("9" * 10_000, "not a JSON value"), ("1e999", "not a JSON value"),
        ("5", "must be an object"), ("null", "must be an object"),
        ('{"id": "five", "type": "message"}', "id: "), ('{"id": NaN}', "NaN"),
        ('{"id": ' + "9" * 10_000 + "}", "4300 digits"), ('{"id": 1e400}', "beyond all bounds"),
        (f'{{"id": {2**70}, "type": "message"}}', str(2**70)),
    ],
)  # fmt: skip
def test_a_problem_of_a_message_without_an_id_names_the_file_and_the_place(tmp_path, absurd, says):
    content = json.dumps(chat([message(1), "@", message(3)])).replace('"@"', absurd).encode()

    _, first, problem, last = read(write(tmp_path, content))

    assert (first.message_id, problem.message_id, last.message_id) == (1, None, 3)
    assert problem.detail.startswith("result.json, near byte ")
    assert says in problem.detail


@pytest.mark.costly
def test_many_problems_in_a_window_of_megabytes_are_placed_in_linear_time(tmp_path):
    count = 100_000
    content = json.dumps(chat(["@"])).replace('"@"', ",".join(["1"] * count)).encode()
    started = time.monotonic()

    records = read(write(tmp_path, content), chunk_bytes=len(content))

    assert len(records) == 1 + count
    assert time.monotonic() - started < 20  # 100 000 times a window of 200 kB would be minutes


def test_a_file_cut_inside_a_letter_is_truncated(tmp_path):
    content = json.dumps(chat([message(1, text="ы")]), ensure_ascii=False).encode()
    content = content[: content.index("ы".encode()) + 1]

    assert read(write(tmp_path, content))[-1].code == "truncated"


@pytest.mark.slow
@pytest.mark.parametrize(
    "hostile",
    # Lists are nested four million deep; objects, whose keys take time, 100 000 deep.
    [
        b'"' + b"a" * 400_000,
        b'"' + rb"\n" * 200_000,
        b"[" * 400_000,
        (b'{"' + b"a" * 40 + b'":') * 10_000,
    ],
)
@pytest.mark.parametrize("key", [b'"messages":[', b'"contacts":'])
def test_a_giant_value_is_given_up_before_it_eats_the_memory(tmp_path, hostile, key):
    header = b'{"name":"x","type":"public_channel","id":5,'
    write(tmp_path, header + b'"messages":[{"id":1}],' + key + hostile * 10)
    tracemalloc.start()

    problem = read(tmp_path, max_value_chars=100_000, chunk_bytes=4096)[-1]

    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert problem.fatal
    assert peak_bytes < 2_500_000, peak_bytes


def test_deep_nesting_costs_one_message_and_no_memory(tmp_path):
    deep = message(2, text="@")
    content = json.dumps(chat([message(1), deep, message(3)]))
    content = content.replace('"@"', "[" * 50_000 + "]" * 50_000).encode()

    _, _, problem, last = read(write(tmp_path, content))

    assert (problem.detail.split(": ")[1], problem.message_id) == ("nested too deeply", 2)
    assert last.message_id == 3


def test_half_deep_nesting_costs_a_field_or_its_message(tmp_path):
    for depth in (200, 330, 490, 700, 950):
        content = json.dumps(chat([message(1, poll="@"), message(2)]))
        content = content.replace('"@"', '{"question":' + "[" * depth + "]" * depth + "}").encode()

        found, after = read(write(tmp_path, content))[1:]

        if isinstance(found, Problem):
            assert (found.detail.split(": ")[1], found.message_id) == ("nested too deeply", 1)
        else:
            assert found.unknown == ("poll.question",)
            assert json.dumps(found.extra)
        assert after.message_id == 2


@pytest.mark.costly
def test_many_broken_messages_take_linear_time(tmp_path):
    content = json.dumps(chat(["@"])).replace('"@"', ",".join([r'{"a":"\q"}'] * 5000))
    started = time.monotonic()

    records = read(write(tmp_path, content.encode()))

    assert len(records) == 5001
    assert time.monotonic() - started < 10


def test_nul_and_half_characters_are_replaced_everywhere(tmp_path):
    raw = message(1, text="a\x00b\ud83d", author="\x00", from_id="\udc00")
    content = json.dumps(chat([raw | {"poll": {"question": "q\x00"}}], name="N\x00"))

    found, post = read(write(tmp_path, content.encode()))

    assert found == Chat(-1002447843635, "public_channel", "N\ufffd")
    assert (post.author, post.sender_id) == ("\ufffd", "\ufffd")
    assert post.text == "a\ufffdb\ufffd\nq\ufffd"
    assert post.extra["poll"]["question"] == "q\ufffd"


def test_a_real_emoji_written_as_two_escapes_stays(tmp_path):
    content = json.dumps(chat([message(1, text="😀\x00")]), ensure_ascii=True).encode()

    assert texts_of(read(write(tmp_path, content))) == ["😀\ufffd"]


def test_the_progress_goes_from_nothing_to_the_size_of_the_file(tmp_path):
    write(tmp_path, whole(*"абвгд").encode())
    source = ExportSource(tmp_path, zone=UTC, chunk_bytes=64)

    seen = [source.bytes_read, *(source.bytes_read for _ in source.records())]

    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] <= source.bytes_read == source.total_bytes


def test_the_records_can_be_read_again(tmp_path):
    source = ExportSource(write(tmp_path, chat([photo(1), photo(2)])), zone=UTC)

    assert list(source.records()) == list(source.records())


@pytest.mark.costly
@pytest.mark.slow
def test_the_memory_does_not_grow_with_the_file(tmp_path):
    peaks = []
    for count in (2000, 20_000):
        write(tmp_path, chat([message(n, text="слово " * 20) for n in range(1, count)]))
        tracemalloc.start()
        for _ in ExportSource(tmp_path, zone=UTC).records():
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < peaks[0] * 1.3


def test_the_same_message_twice_comes_twice(tmp_path):
    assert len(read_messages(tmp_path, [message(1), message(1)])) == 2
