"""The same name in another normal form of Unicode is the same file; nothing else is."""

import unicodedata
from datetime import UTC

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from media.sources.export import ExportSource
from media.sources.port import FileRefused
from tests.unit.exports import chat, message, read_one, write

FORMS = ["NFC", "NFD", "NFKC", "NFKD"]
NAMES = ["Мой снимок ё.jpg", "Отчёт № 5 за май².txt", "naïve café.png", "한글 파일.pdf", "ﬁле Å.bin",
         "Việt Nam.mp4", "й" * 40 + ".txt"]  # fmt: skip


def source_in(folder):
    return ExportSource(write(folder, chat([])), zone=UTC)


def put(folder, path, body=b"1"):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(body)


def opened(source, path):
    with source.open(path) as stream:
        return stream.read()


@pytest.mark.parametrize("on_disk", FORMS)
@pytest.mark.parametrize("in_json", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_found_whatever_the_form_of_its_name(tmp_path, on_disk, in_json, name):
    put(tmp_path, f"Файлы й/{unicodedata.normalize(on_disk, name)}", b"12345")
    source = source_in(tmp_path)
    path = unicodedata.normalize(in_json, f"Файлы й/{name}")

    assert (source.size_bytes(path), opened(source, path)) == (5, b"12345")


@settings(max_examples=50)
@given(
    name=st.text(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\:"), min_size=1, max_size=30
    ),
    forms=st.tuples(st.sampled_from(["NFC", "NFD"]), st.sampled_from(["NFC", "NFD"])),
)  # fmt: skip
def test_any_name_is_found_in_either_canonical_form(tmp_path_factory, name, forms):
    on_disk, in_json = (unicodedata.normalize(form, name) for form in forms)
    assume(max(len(on_disk.encode()), len(in_json.encode())) < 250)
    assume(on_disk not in (".", "..", "result.json"))
    folder = tmp_path_factory.mktemp("names")
    put(folder, on_disk)

    assert opened(source_in(folder), in_json) == b"1"


def test_the_exact_name_wins(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "й.txt") for form in ("NFC", "NFD"))
    put(tmp_path, composed, b"composed")
    put(tmp_path, decomposed, b"decomposed")
    source = source_in(tmp_path)

    assert (opened(source, composed), opened(source, decomposed)) == (b"composed", b"decomposed")


def test_what_only_looks_alike_is_another_file(tmp_path):
    for name in ("Й.txt", "и.txt", "е.txt", "x2é.txt", "x²é.txt"):
        put(tmp_path, name)
    source = source_in(tmp_path)

    for other in ("й.txt", "ё.txt", "x₂é.txt"):  # another case, no accent, two that might be meant
        assert source.size_bytes(other) is None


def test_a_file_that_comes_later_is_found(tmp_path):
    source = source_in(tmp_path)
    assert source.size_bytes("й.txt") is None

    put(tmp_path, unicodedata.normalize("NFD", "й.txt"))

    assert source.size_bytes("й.txt") == 1


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_path_leads_out_of_the_export(tmp_path, form):
    put(tmp_path, "secret й.txt")
    export = tmp_path / "export"
    put(export, "photos/й.jpg")
    (export / unicodedata.normalize("NFD", "связь й")).symlink_to(tmp_path)
    (export / unicodedata.normalize("NFD", "ссылка й.txt")).symlink_to(tmp_path / "secret й.txt")
    source = source_in(export)

    for path in ("../secret й.txt", "photos/../../secret й.txt", "\u2025/secret й.txt", "\uff0e\uff0e/secret й.txt",
                 "связь й/secret й.txt", "ссылка й.txt"):  # fmt: skip
        with pytest.raises(FileRefused), source.open(unicodedata.normalize(form, path)):
            pass
        assert source.size_bytes(unicodedata.normalize(form, path)) is None


def test_the_name_is_kept_as_people_type_it(tmp_path):
    raw = message(1, file=unicodedata.normalize("NFD", "files/Отчёт.txt"))

    assert read_one(tmp_path, raw).attachment.file_name == "Отчёт.txt"
