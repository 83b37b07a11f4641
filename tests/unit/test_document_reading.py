"""What is read in documents, and that none of them harms whoever reads it."""

import gettext
import io
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

import django
import pytest

from tests import made_documents as made
from vision.documents import process
from vision.documents.findings import Cut, Refusal, Refused
from vision.documents.limits import PART_CHARS, Limits
from vision.documents.process import Part, Reading
from vision.documents.reading import __main__ as child
from vision.documents.reading import encodings, pdf, plain, utf16
from vision.documents.reading.output import Enough, Output, cleaned, parts_of
from vision.documents.result import result_of

LINES = "Уважаемые жильцы, в субботу отключат воду.\nПросим запастись ею заранее.\n"
OTHER_SCRIPTS = {
    "arabic": "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.",
    "chinese": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心。",
    "traditional": "人人生而自由，在尊嚴和權利上一律平等。他們賦有理性和良心。",
    "japanese": "すべての人間は、生まれながらにして自由であり、かつ平等である。",
    "korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "georgian": "ყველა ადამიანი იბადება თავისუფალი და თანასწორი ღირსებითა და უფლებებით.",
    "armenian": "Բոլոր մարդիկ ծնվում են ազատ ու հավասար իրենց արժանապատվությամբ։",
    "hebrew": "כל בני אדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια.",
    "hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है।",
    "vietnamese": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm.",
}
"""The first sentence of the declaration of human rights."""

LATIN = {
    "german": "Für die Prüfung müssen größere Mengen Öl über die Straße geführt werden, ähnlich wie früher.",
    "french": "Le café où nous étions est fermé depuis l’été dernier, hélas, et le théâtre aussi.",
    "polish": "Proszę sprawdzić, czy wszystkie załączniki zostały wysłane, ponieważ część z nich się zgubiła.",
    "czech": "Příliš žluťoučký kůň úpěl ďábelské ódy, když přišel večer.",
    "hungarian": "Az előző évben több külföldi vendég érkezett a fővárosba, mint valaha.",
    "turkish": "Bugün hava çok güzel, öğleden sonra arkadaşlarımızla kıyıda buluşacağız.",
    "lithuanian": "Šiandien žmonės susirinko į aikštę, nes čia vyksta didžiausia metų šventė.",
}
OLD = (
    ("german", "cp1252 cp850"), ("french", "cp1252"), ("polish", "cp1250 iso8859_2"),
    ("czech", "cp1250"), ("hungarian", "cp1250"), ("turkish", "cp1254"), ("lithuanian", "cp1257"),
    ("vietnamese", "cp1258"), ("greek", "cp1253"), ("hebrew", "cp1255"), ("arabic", "cp1256"),
    ("chinese", "gbk gb18030"), ("traditional", "big5"), ("japanese", "shift_jis cp932 euc_jp"),
    ("korean", "euc_kr"),
)  # fmt: skip
TRANSLATED = (
    ("ru", "cp1251 koi8_r cp866"), ("uk", "cp1251 koi8_u"), ("bg", "cp1251"), ("el", "cp1253"),
    ("he", "cp1255"), ("ar", "cp1256"), ("de", "cp1252"), ("fr", "cp1252"), ("es", "cp1252"),
    ("pl", "cp1250"), ("cs", "cp1250"), ("hu", "cp1250"), ("tr", "cp1254"), ("lt", "cp1257"),
    ("zh_Hans", "gb18030"), ("zh_Hant", "big5"), ("ja", "cp932 euc_jp"), ("ko", "cp949"),
)  # fmt: skip


def translations() -> Iterator[tuple[str, list[str]]]:
    """Four pieces of Django's catalog of each language, by encodings."""
    for language, codes in TRANSLATED:
        folder = Path(django.__file__).parent / f"conf/locale/{language}/LC_MESSAGES"
        with (folder / "django.mo").open("rb") as file:
            catalog = gettext.GNUTranslations(file)._catalog
        lines = [line for key, line in sorted(catalog.items(), key=str) if key and line]
        for code in codes.split():
            kept = [line.encode(code, "ignore").decode(code) for line in lines]
            yield code, ["\n".join(kept[at : at + 6]) for at in (0, 60, 120, 180)]


def _with_tones(char: str) -> str:
    """The letter with its hook or roof as one character, its tone as another."""
    plain, *marks = normalize("NFD", char)
    tones = [mark for mark in marks if mark in "\u0300\u0301\u0303\u0309\u0323"]
    return normalize("NFC", plain + "".join(m for m in marks if m not in tones)) + "".join(tones)


def alike(one: str, other: str) -> float:
    same = sum(a == b for a, b in zip(one, other, strict=False))
    return same / max(len(one), len(other))


def read(tmp_path: Path, body: bytes, **limits) -> Reading:
    """What the process would report, without the price of starting one."""
    file, lines = tmp_path / "document", tmp_path / "lines.json"
    file.write_bytes(body)
    with lines.open("w") as out:
        output = Output(Limits(**limits), to=out)
        try:
            child._read(file, tmp_path, output)
            output.end()
        except Refused as refusal:
            output.refused(refusal.reason, str(refusal))
        except Enough:
            output.end()
    return process._parsed(lines, tmp_path)


def apart(tmp_path: Path, body: bytes, **limits) -> Reading:
    """The same in a process of its own, as in earnest."""
    file = tmp_path / "document"
    file.write_bytes(body)
    return process.read(file, tmp_path, Limits(**limits))


def text(reading: Reading) -> str:
    return "\n".join(part.text for part in reading.parts)


class TestFormats:
    def test_pdf_by_its_text_layer_with_the_number_of_each_page(self, tmp_path):
        found = read(tmp_path, made.pdf("The first page of two", "The second page of two"))

        assert [(p.page, p.text) for p in found.parts] == [
            (1, "The first page of two"),
            (2, "The second page of two"),
        ]
        assert (found.format, found.pages, found.is_whole) == ("pdf", 2, True)

    def test_a_scan_becomes_a_picture_of_its_page(self, tmp_path):
        found = read(tmp_path, made.scan("scan"))

        [(page, picture)] = found.scans
        assert (page, found.parts) == (1, [])
        assert picture.read_bytes().startswith(b"\x89PNG")

    def test_a_huge_page_becomes_no_huge_picture(self, tmp_path):
        body = made.pdf_of(
            [b"<</Length 21>>stream\n0 0 9999 9999 re f  \nendstream"], box="0 0 200000 200000"
        )

        [(_, picture)] = read(tmp_path, body).scans
        assert picture.stat().st_size < 200_000

    def test_an_empty_page_is_no_scan(self, tmp_path):
        found = read(tmp_path, made.pdf(""))

        assert (found.scans, found.parts) == ([], [])
        assert result_of(found).reason == "document_without_text"

    def test_word_with_tables_and_headers(self, tmp_path):
        body = made.word("Абзац о мостах", table=["ячейка", "другая"], header="Шапка")

        found = read(tmp_path, body)
        assert found.format == "docx"
        assert {"Абзац о мостах", "ячейка", "другая", "Шапка"} <= set(text(found).split("\n"))

    def test_slides_with_their_numbers_and_notes(self, tmp_path):
        found = read(tmp_path, made.slides("Первый слайд", "Второй слайд", notes="заметка"))

        assert [(p.page, p.text) for p in found.parts] == [
            (1, "Первый слайд\nзаметка"),
            (2, "Второй слайд\nзаметка"),
        ]

    def test_tables_by_sheet(self, tmp_path):
        found = read(tmp_path, made.tables({"Цены": [["Яблоки", 12.5], ["Груши", 7]], "Пусто": []}))

        assert (found.format, found.parts[0].label) == ("xlsx", "Цены")
        assert found.parts[0].text == "Цены\nЯблоки | 12.5\nГруши | 7"

    def test_html_as_its_reader_sees_it(self, tmp_path):
        body = (
            "<!DOCTYPE html><html><head><title>Двор</title><style>p{color:red}</style></head>"
            "<body><script>var hidden = 1</script><h1>Заголовок</h1><p>один<br>два</p>после</body>"
        )

        found = read(tmp_path, body.encode())
        assert found.format == "html"
        assert text(found).split("\n") == ["Двор", "Заголовок", "один", "два", "после"]

    def test_html_in_the_encoding_that_it_names(self, tmp_path):
        body = '<html><head><meta charset="windows-1251"></head><body>Я</body></html>'

        assert text(read(tmp_path, body.encode("cp1251"))) == "Я"

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_tables_of_separated_values(self, tmp_path, delimiter):
        rows = [["имя", "город"], ["Анна", '"Тверь"'], ["Олег", "Омск"]]
        body = "\r\n".join(delimiter.join(row) for row in rows)

        found = read(tmp_path, body.encode())
        assert (found.format, text(found).split("\n")[1]) == ("csv", "Анна | Тверь")

    def test_prose_with_commas_is_no_table(self):
        assert plain.delimiter_of(LINES) == ""

    def test_the_name_and_the_type_say_nothing_the_bytes_do(self, tmp_path):
        assert read(tmp_path, b"\n" + made.pdf("A text in a file called .txt")).format == "pdf"

    @pytest.mark.parametrize(
        "body", [b"Rar!\x1a\x07", b"{\\rtf1 text}", os.urandom(5000), b"MZ\x90\0"]
    )
    def test_what_is_no_document_is_skipped(self, tmp_path, body):
        found = read(tmp_path, body)

        assert found.refusal is Refusal.FORMAT_NOT_READ
        assert result_of(found).outcome == "skipped"


class TestEncodings:
    @pytest.mark.parametrize(
        "encoding",
        ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1251", "koi8-r", "cp866"],
    )  # fmt: skip
    @pytest.mark.parametrize("words", [LINES, LINES * 40, "Снег и лёд"])
    def test_a_russian_text_is_read_in_whatever_encoding(self, encoding, words):
        written = words.replace("ё", "е") if encoding in {"cp866", "koi8-r"} else words

        assert encodings.decode(written.encode(encoding)) == written

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("words", OTHER_SCRIPTS.values(), ids=OTHER_SCRIPTS)
    def test_utf16_without_a_mark_is_read_in_any_script(self, encoding, words):
        for written in (words, f"{words}\r\n" * 90, f"Python 3.14, 2026 — {words} 🎉"):
            assert encodings.decode(written.encode(encoding)) == written
        assert encodings.decode(words.encode(encoding)[:-1]) == words[:-1]

    @pytest.mark.parametrize(
        ("encoding", "words"),
        [
            *((name, LINES) for name in ("utf-8", "cp1251", "koi8-r", "cp866", "iso8859-5")),
            ("cp1252", "Tous les êtres humains naissent libres et égaux en dignité"),
            ("shift_jis", "すべての人間は、生まれながらにして自由であり"),
            ("gbk", "人人生而自由，在尊严和权利上一律平等。"),
            ("euc_kr", "모든 인간은 태어날 때부터 자유로우며"),
        ],
    )
    def test_what_is_no_utf16_is_not_read_as_chinese_or_korean(self, encoding, words):
        for length in (10, 16, 41, 400):
            assert utf16.of_any_script((words * 9).encode(encoding)[:length]) is None

    def test_bytes_by_chance_and_a_few_characters_are_no_text(self):
        chance = random.Random(1)
        for _ in range(200):
            assert utf16.of_any_script(chance.randbytes(400)) is None
        assert utf16.of_any_script("人的".encode("utf-16-le")) is None

    def test_a_character_cut_in_half_costs_only_itself(self):
        assert encodings.decode("снег".encode()[:-1]) == "сне"

    def test_english_is_english(self):
        assert encodings.decode(b"plain words") == "plain words"
        for quoted in (
            "He said \u201cno\u201d \u2013 and left.",
            "A caf\xe9 \u2013 na\xefve or not",
        ):
            assert encodings.decode(quoted.encode("cp1252")) == quoted

    @pytest.mark.parametrize(
        ("encoding", "language"), [(code, name) for name, codes in OLD for code in codes.split()]
    )
    def test_texts_in_old_encodings_are_read_in_their_script(self, encoding, language):
        words = OTHER_SCRIPTS.get(language) or LATIN[language]
        if language == "vietnamese":  # its tones are characters of their own
            words = "".join(_with_tones(char) for char in words)
        written = words.encode(encoding, "ignore").decode(encoding)  # of Arabic, marks are lost
        for text in (
            written,
            f"{written}\r\n" * 90,
            f"Python 3.14, 2026: {written}\n(C) me@a.example",
        ):
            found = encodings.decode(text.encode(encoding))
            assert normalize("NFC", found or "") == normalize("NFC", text)

    def test_what_cannot_be_told_is_unreadable_and_never_garbage(self, tmp_path):
        """Translations of Django in each encoding that its letters have, a few lines each."""
        right = wrong = total = 0
        for encoding, texts in translations():
            for text in texts:
                found = encodings.decode(text.encode(encoding))
                total += 1
                right += found == text
                # A sign that differs between relatives is no garbage: a word that does, is.
                wrong += found is not None and alike(found, text) < 0.98
        assert (total > 80, wrong) == (True, 0)
        assert right > 0.85 * total

        unclear = read(tmp_path, "naïve".encode("mac_roman"))
        assert unclear.refusal is Refusal.UNKNOWN_ENCODING
        assert result_of(unclear).outcome == "failed"

    def test_a_page_that_names_its_encoding_is_read_however_short(self, tmp_path):
        body = '<meta charset="shift_jis"><body>亜</body>'.encode("shift_jis")

        assert "亜" in text(read(tmp_path, b"<html>" + body))

    def test_a_few_damaged_bytes_make_no_other_encoding(self):
        damaged = LINES[:15].encode() + b"\xd0" + LINES[15:].encode()

        assert encodings.decode(damaged) == f"{LINES[:15]}\ufffd{LINES[15:]}"

    def test_the_last_letter_of_a_short_text_is_not_cut_off(self):
        assert encodings.decode("Un thé au café".encode("cp1252")) == "Un thé au café"

    @pytest.mark.parametrize("encoding", ["utf-8", "cp1251"])
    @pytest.mark.parametrize(("before", "after"), [("\n", "\0"), (" ", " \0"), ("", "")])
    def test_zeros_beside_the_words_of_a_text_refuse_nothing(self, encoding, before, after):
        written = LINES.replace(before, after, 2).encode(encoding) + bytes(300)

        found = encodings.decode(written)

        assert found is not None
        assert found.split() == LINES.split()

    @pytest.mark.parametrize(
        "body",
        [
            bytes(10_000),
            b"SQLite format 3\0" + b"\x10\0\1\1\0@  \0\0\0\x08" * 200,
            bytes(range(256)) * 9,
        ],
    )
    def test_zeros_of_a_format_are_no_text(self, body):
        assert encodings.decode(body) is None

    @pytest.mark.real_data
    def test_real_posts_in_four_encodings(self, shared_data):
        import gzip  # noqa: PLC0415

        with gzip.open(shared_data / "search" / "corpus.jsonl.gz", "rt") as file:
            rows = [json.loads(line) for line, _ in zip(file, range(50), strict=False)]
        texts = [
            t for t in (row.get("text", "")[:300] for row in rows) if sum(map(_cyrillic, t)) > 99
        ]
        right = total = 0
        for name in ("cp1251", "koi8-r", "utf-16-le", "utf-8"):
            for one in texts:
                written = one.encode(name, "ignore").decode(name)
                total += 1
                right += encodings.decode(written.encode(name)) == written
        assert total > 60
        assert right / total > 0.99


def _cyrillic(char: str) -> bool:
    return "а" <= char.lower() <= "я"


class TestText:
    def test_words_broken_at_the_end_of_a_line_are_whole(self):
        assert pdf.joined_words("програм-\nмирование") == "программирование"
        assert pdf.joined_words("прог\x02\nрамма, soft\u00adware") == "программа, software"
        assert pdf.joined_words("Санкт-\nПетербург, 5-\n6") == "Санкт-\nПетербург, 5-\n6"

    def test_a_layer_of_signs_that_are_no_letters_is_none(self):
        assert not pdf.has_text("\ue001\ue002 abcdefghijklmnopqrs" + "\ue003" * 20)
        assert not pdf.has_text("12 / 40")
        assert pdf.has_text("A line of a usual page")

    def test_what_postgresql_and_json_cannot_hold_is_gone(self):
        assert cleaned("a\0b\ud800c\r\n\n\n  d\t e ") == "a b c\nd e"
        assert cleaned("и\u0306") == "й"

    def test_parts_are_cut_at_words_and_lose_nothing(self):
        words = " ".join(f"слово{n}" for n in range(5000))

        parts = parts_of(words)
        assert max(map(len, parts)) <= PART_CHARS
        assert " ".join(parts) == words
        assert parts_of("я" * (PART_CHARS + 1)) == ["я" * PART_CHARS, "я"]
        assert parts_of("") == []


class TestLimits:
    def test_only_the_first_characters_are_read(self, tmp_path):
        found = read(tmp_path, b"word " * 1000, chars=100)

        assert len(text(found)) == 100
        assert found.cuts == [Cut.CHARS]
        assert result_of(found).outcome == "partial"

    def test_exactly_as_many_as_allowed_are_whole(self, tmp_path):
        assert read(tmp_path, b"x" * 100, chars=100).cuts == []

    def test_only_the_first_pages_of_ten_thousand_are_read(self, tmp_path):
        body = made.pdf(*[f"page number {n} of a long book" for n in range(10_000)])
        started = time.process_time()

        found = read(tmp_path, body, pages=20)
        assert (found.pages, len(found.parts), found.cuts) == (10_000, 20, [Cut.PAGES])
        assert time.process_time() - started < 2

    def test_only_the_first_scans_are_drawn(self, tmp_path):
        found = read(tmp_path, made.scan("a", "b"), ocr_pages=1)

        assert ([page for page, _ in found.scans], found.cuts) == ([1], [Cut.SCANS])

    def test_a_file_that_is_too_large_is_not_opened(self, tmp_path):
        file = tmp_path / "sparse"
        with file.open("wb") as sparse:
            sparse.truncate(2**30)

        found = process.read(file, tmp_path, Limits())
        assert found.refusal is Refusal.TOO_LARGE

    def test_an_archive_that_unpacks_to_more_than_is_allowed_is_not_unpacked(self, tmp_path):
        body = made.with_parts(made.word("x"), {"word/media/picture.png": bytes(50 * 2**20)})

        assert read(tmp_path, body, unpacked_bytes=2**20).refusal is Refusal.UNPACKS_TOO_LARGE


class TestBroken:
    def test_a_password_is_needed(self, tmp_path):
        assert read(tmp_path, made.ENCRYPTED_PDF).refusal is Refusal.ENCRYPTED

    def test_an_encrypted_file_of_an_office(self, tmp_path):
        head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        body = head + bytes(512) + "EncryptedPackage".encode("utf-16-le")

        assert read(tmp_path, body).refusal is Refusal.ENCRYPTED
        assert read(tmp_path, head + bytes(512)).refusal is Refusal.FORMAT_NOT_READ

    @pytest.mark.parametrize(
        "body",
        [made.pdf("cut off in the middle")[:300], made.word("x")[:2000], made.tables({"a": [["b"]]})[:999]],
    )  # fmt: skip
    def test_a_truncated_file_is_broken(self, tmp_path, body):
        assert read(tmp_path, body).refusal is Refusal.BROKEN

    def test_an_empty_file(self, tmp_path):
        assert read(tmp_path, b"").refusal is Refusal.EMPTY


class TestHarm:
    """In processes of their own: what these do, they do to nobody else."""

    def test_a_page_that_unpacks_to_gigabytes(self, tmp_path):
        found = apart(tmp_path, made.pdf_bomb(300), memory_bytes=350 * 2**20)

        assert found.refusal in {Refusal.CRASHED, Refusal.TOO_MUCH_MEMORY, None}
        assert not found.parts

    @pytest.mark.parametrize("kind", ["laughs", "file"])
    def test_entities_neither_multiply_nor_read_files_of_this_machine(self, tmp_path, kind):
        found = apart(tmp_path, made.word_of_entities(kind))

        assert "root:" not in text(found)
        assert len(text(found)) < 1000

    @pytest.mark.costly
    def test_what_takes_too_long_is_killed_and_what_was_read_is_kept(self, tmp_path, monkeypatch):
        _reader(
            monkeypatch,
            "import sys, time",
            """sys.stdout.write('{"text": "kept", "page": 1, "label": ""}\\n{"text": "half')""",
            "sys.stdout.flush()",
            "time.sleep(60)",
        )
        started = time.monotonic()

        found = apart(tmp_path, b"x", seconds=1.0)
        assert time.monotonic() - started < 10
        assert (found.refusal, text(found)) == (Refusal.TOO_SLOW, "kept")
        assert result_of(found).outcome == "partial"

    def test_nothing_of_the_environment_but_paths_reaches_it(self, tmp_path, monkeypatch):
        monkeypatch.setenv("DATABASE_URL", "postgres://secret")
        _reader(monkeypatch, "import os, json; print(json.dumps({'text': ' '.join(os.environ), 'page': 1, 'label': ''}))")  # fmt: skip

        assert "DATABASE_URL" not in text(apart(tmp_path, b"x"))

    def test_a_bug_is_told_in_the_log_and_with_the_document(self, tmp_path, monkeypatch, caplog):
        _reader(monkeypatch, "raise ZeroDivisionError('no way')")

        found = apart(tmp_path, b"x")
        assert (found.refusal, found.detail) == (Refusal.BROKEN, "ZeroDivisionError: no way")
        assert "no way" in caplog.text

    def test_it_ends_with_its_parent(self, tmp_path):
        limits = Limits(seconds=30).as_text()
        command = [
            sys.executable,
            "-s",
            "-m",
            "vision.documents.reading",
            "x",
            str(tmp_path),
            limits,
        ]

        done = subprocess.run(
            [*command, "1"], check=False, cwd=process._HOME, capture_output=True, timeout=30
        )
        assert (done.returncode, done.stdout) == (1, b"")  # 1 is not the process that started it


def _reader(monkeypatch, *lines: str) -> None:
    """Let the process run this instead of the reader."""
    before = subprocess.Popen

    def other(command, **more):
        return before([command[0], "-c", "\n".join(lines)], **more)

    monkeypatch.setattr(process.subprocess, "Popen", other)


class TestOutcome:
    def test_a_refusal_after_a_part_keeps_the_part(self):
        found = result_of(Reading(parts=[Part("a")], refusal=Refusal.CRASHED, detail="signal 6"))

        assert (found.outcome, found.reason, found.chars) == ("partial", "reader_crashed", 1)

    def test_every_code_is_explained(self):
        from vision import reasons  # noqa: PLC0415

        codes = {*Refusal, *Cut, "document_read", "document_recognized", "document_without_text"}
        assert not {str(code) for code in codes} - set(reasons._REASONS)

    def test_the_hash_is_of_the_text_and_its_pages(self):
        one = result_of(Reading(parts=[Part("a", 1)], is_whole=True))
        two = result_of(Reading(parts=[Part("a", 2)], is_whole=True))

        assert one.text_hash != two.text_hash
        assert result_of(Reading(is_whole=True)).text_hash == ""


def test_output_is_flushed_line_by_line():
    stream = io.StringIO()
    Output(Limits(), to=stream).text("a", page=3, label="Лист")

    assert json.loads(stream.getvalue()) == {"text": "a", "page": 3, "label": "Лист"}
