"""The code has none of the calls by which words of strangers become code, commands or markup."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOMS = [
    "accounts",
    "events",
    "media",
    "vision",
    "albums",
    "crawl",
    "storage_quota",
    "telegram_assistant",
]
CALLS = {
    "eval", "exec", "compile", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load",
    "mark_safe", "safestring.mark_safe", "hashlib.sha1", "ssl._create_unverified_context",
}  # fmt: skip
"""Code, commands, unsafe documents, unescaped HTML, hashes that are broken."""
MODULES = {"pickle", "marshal", "shelve", "dill", "xml", "lxml", "telnetlib", "ftplib"}
"""Formats that run code or read files when they are read, and protocols without encryption."""
ALLOWED = {
    "media/admin/qr_codes.py: mark_safe",
    "media/services/pipeline/reader_process.py: pickle",
    "media/thumbnails.py: SafeString of words that are not in the code",
    "vision/documents/reading/plain.py: lxml.html",
}
"""
A process of our own that reads an export sends what it has read, and nobody else writes to its
pipe. A QR code is squares, whatever its text is. The words are shapes of icons, all of which stand in
that file. HTML, which has no entities of its own, is read in a process that has nothing to lose
(see test_document_reading).
"""
CONSTANT = {"allauth/elements/fields.html": "help_text|safe"}
"""Templates that show words of the code as HTML, as Django's own do with the help of a field."""
TEMPLATE_FILTERS = ("|safe", "{% autoescape off")


def _trees() -> Iterator[tuple[Path, ast.AST]]:
    for room in ROOMS:
        for path in sorted((settings.BASE_DIR / room).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def dangers(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from _of_import(node)
        elif isinstance(node, ast.Assign) and ast.unparse(node) == "fields = '__all__'":
            yield "every column, also those of later, in an answer"


def _of_call(node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func)
    given = {one.arg: ast.unparse(one.value) for one in node.keywords}
    if name in CALLS:
        yield name
    if given.get("shell", "False") != "False":
        yield "a shell"
    if name == "hashlib.md5" and given.get("usedforsecurity") != "False":
        yield "MD5 for more than a checksum"
    if given.get("verify") == "False":
        yield "TLS without certificates"
    if name in {"format_html", "SafeString"} and not all(map(_is_constant, node.args[:1])):
        yield f"{name} of words that are not in the code"


def _is_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant)


def _of_import(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    names = (
        [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    )
    yield from (name for name in names if name.split(".")[0] in MODULES)


def test_there_are_none():
    found = {
        f"{path.relative_to(settings.BASE_DIR)}: {danger}"
        for path, tree in _trees()
        for danger in dangers(tree)
    }

    assert found == ALLOWED


def test_no_template_shows_words_unescaped():
    folder = settings.BASE_DIR / "templates"
    for page in folder.rglob("*.html"):
        allowed = CONSTANT.get(str(page.relative_to(folder)), "-")
        rest = page.read_text(encoding="utf-8").replace(allowed, "")
        assert not [f for f in TEMPLATE_FILTERS if f in rest], page


@pytest.mark.parametrize(
    "source",
    [
        "eval(text)", "os.system(text)", "subprocess.run(text, shell=True)", "mark_safe(text)",
        "import pickle", "from xml.etree import ElementTree", "yaml.load(text)",
        "hashlib.md5(body)", "hashlib.sha1(body)", "httpx.get(url, verify=False)",
        "format_html(text)", "format_html(f'<b>{text}')", "class Meta:\n    fields = '__all__'",
    ],
)  # fmt: skip
def test_each_would_be_found(source):
    assert list(dangers(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "re.compile(text)", "subprocess.run([text])", "format_html('<b>{}</b>', text)",
        "yaml.safe_load(text)", "hashlib.sha256(body)",
        "hashlib.md5(body, usedforsecurity=False)", "fields = ('id',)",
    ],
)  # fmt: skip
def test_what_is_none(source):
    assert not list(dangers(ast.parse(source)))
