"""Documents for tests, and such as are made to do harm."""

import base64
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import docx
import pptx
import xlsxwriter
from PIL import Image, ImageDraw, ImageFont

PDF, DOCX = (
    "application/pdf",
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
)


def pdf(*pages: str) -> bytes:
    """A PDF with a text layer: Latin letters, a line of text for each line."""
    streams = [_content(text) for text in pages]
    return pdf_of([b"<</Length %d>>stream\n%s\nendstream" % (len(s), s) for s in streams])


def _content(text: str) -> bytes:
    lines = "".join(f"({line}) Tj 0 -14 Td " for line in text.splitlines())
    return f"BT /F1 11 Tf 50 750 Td {lines}ET".encode("latin-1")


def pdf_of(contents: Sequence[bytes], *, box: str = "0 0 595 842") -> bytes:
    """A PDF of these content streams, one a page."""
    count = len(contents)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {count}/Kids[{kids}]>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, content in enumerate(contents):
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents {5 + 2 * number} 0 R"
            "/Resources<</Font<</F1 3 0 R>>>>>>".encode()
        )
        objects.append(content)
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(out)


def pdf_bomb(megabytes: int) -> bytes:
    """A page whose stream of few bytes unpacks to so many megabytes."""
    packer, inner = zlib.compressobj(9), bytearray()
    for _ in range(megabytes):
        inner += packer.compress(b" " * 2**20)
    twice = zlib.compress(bytes(inner + packer.flush()), 9)
    head = b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n" % len(twice)
    return pdf_of([head + twice + b"\nendstream"])


ENCRYPTED_PDF = base64.b64decode(
    "JVBERi0xLjMKJeLjz9MKMSAwIG9iago8PAovT3BlbkFjdGlvbiBbIDIgMCBSIC9GaXRIIG51bGwgXQovUGFnZUxheW91"
    "dCAvT25lQ29sdW1uCi9QYWdlcyA0IDAgUgovVHlwZSAvQ2F0YWxvZwo+PgplbmRvYmoKMiAwIG9iago8PAovQ29udGVu"
    "dHMgMyAwIFIKL1BhcmVudCA0IDAgUgovUmVzb3VyY2VzIDUgMCBSCi9UeXBlIC9QYWdlCi9NZWRpYUJveCBbIDAgMCA1"
    "OTUuMjggODQxLjg5IF0KPj4KZW5kb2JqCjMgMCBvYmoKPDwKL0ZpbHRlciAvRmxhdGVEZWNvZGUKL0xlbmd0aCA3NAo+"
    "PgpzdHJlYW0KrRJbGyI1ulr6KrfBDuqAU0IfUO1vuXC4UohzrArI38PF9ZLFxFfNRnTlpIprEuH0KOjc2hcAjAKsjHGV"
    "2cbfQdxkYvcRArVDbcEKZW5kc3RyZWFtCmVuZG9iago0IDAgb2JqCjw8Ci9Db3VudCAxCi9LaWRzIFsgMiAwIFIgXQov"
    "TWVkaWFCb3ggWyAwIDAgNTk1LjI4IDg0MS44OSBdCi9UeXBlIC9QYWdlcwo+PgplbmRvYmoKNSAwIG9iago8PAovRm9u"
    "dCA8PAovRjEgNiAwIFIKPj4KL1Byb2NTZXQgWyAvUERGIC9UZXh0IC9JbWFnZUIgL0ltYWdlQyAvSW1hZ2VJIF0KPj4K"
    "ZW5kb2JqCjYgMCBvYmoKPDwKL0Jhc2VGb250IC9IZWx2ZXRpY2EKL0VuY29kaW5nIC9XaW5BbnNpRW5jb2RpbmcKL1N1"
    "YnR5cGUgL1R5cGUxCi9UeXBlIC9Gb250Cj4+CmVuZG9iago3IDAgb2JqCjw8Ci9DcmVhdGlvbkRhdGUgPDAwN2ZiMjg2"
    "MjcxZDAyZjI3Y2ExMWQ0YjUyMmU3Y2UyMDg+Cj4+CmVuZG9iago4IDAgb2JqCjw8Ci9WIDIKL1IgMwovTGVuZ3RoIDEy"
    "OAovUCA0Mjk0OTY3MjkyCi9GaWx0ZXIgL1N0YW5kYXJkCi9PIDwwYmEzODM1Zjg4ZjkwMzg4ZTc0ZTU0NTg0MTI1Y2Ux"
    "NDJiZTBkZTI0YzZiMGQzNzc0NmUwNzViODkxNzU2NjcxPgovVSA8NThlNzAyYzBiMDc5MTJiNjNmZDVkMDBmYTExNTM1"
    "ZjMyOGJmNGU1ZTRlNzU4YTQxNjQwMDRlNTZmZmZhMDEwOD4KPj4KZW5kb2JqCnhyZWYKMCA5CjAwMDAwMDAwMDAgNjU1"
    "MzUgZiAKMDAwMDAwMDAxNSAwMDAwMCBuIAowMDAwMDAwMTIwIDAwMDAwIG4gCjAwMDAwMDAyMzIgMDAwMDAgbiAKMDAw"
    "MDAwMDM3NyAwMDAwMCBuIAowMDAwMDAwNDY4IDAwMDAwIG4gCjAwMDAwMDA1NTkgMDAwMDAgbiAKMDAwMDAwMDY1NiAw"
    "MDAwMCBuIAowMDAwMDAwNzI4IDAwMDAwIG4gCnRyYWlsZXIKPDwKL1NpemUgOQovUm9vdCAxIDAgUgovSW5mbyA3IDAg"
    "UgovSUQgWyA8NzhkMDczMDgwMzY5YjhkNmJkOWY5NTczZjkyZTJmY2M+IDwzMmZiMGU0NWEyYjNmYzRlODVmZDI1MTEw"
    "ZDkwYWRkNz4gXQovRW5jcnlwdCA4IDAgUgo+PgpzdGFydHhyZWYKOTQzCiUlRU9GCg=="
)
"""Two words behind the password of a user; made by pypdf, which the tests need for nothing else."""


def scan(*pages: str) -> bytes:
    """A PDF of pictures of texts, as scanners make it."""
    font = ImageFont.truetype("DejaVuSans.ttf", 40)
    pictures = []
    for text in pages:
        picture = Image.new("L", (1240, 1754), "white")
        ImageDraw.Draw(picture).multiline_text(
            (120, 200), text, fill="black", font=font, spacing=24
        )
        pictures.append(picture)
    out = io.BytesIO()
    pictures[0].save(out, "PDF", resolution=150, save_all=True, append_images=pictures[1:])
    return out.getvalue()


def word(*paragraphs: str, table: Sequence[str] = (), header: str = "") -> bytes:
    document, out = docx.Document(), io.BytesIO()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    if table:
        cells = document.add_table(1, len(table)).rows[0].cells
        for cell, text in zip(cells, table, strict=True):
            cell.text = text
    if header:
        document.sections[0].header.paragraphs[0].text = header
    document.save(out)
    return out.getvalue()


def slides(*titles: str, notes: str = "") -> bytes:
    made, out = pptx.Presentation(), io.BytesIO()
    for title in titles:
        slide = made.slides.add_slide(made.slide_layouts[5])
        slide.shapes.title.text = title
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    made.save(out)
    return out.getvalue()


def tables(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return out.getvalue()


def with_parts(archive: bytes, parts: Mapping[str, bytes]) -> bytes:
    """The same archive, with these parts in place of its own."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, body in parts.items():
            new.writestr(name, body)
    return out.getvalue()


_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "laughs "}">' for n in range(9))


def word_of_entities(kind: str) -> bytes:
    """A text whose words are entities: `laughs` of a thousand million words, `file` of this machine."""
    entities = _LAUGHS if kind == "laughs" else '<!ENTITY l8 SYSTEM "file:///etc/passwd">'
    body = (
        f'<?xml version="1.0"?><!DOCTYPE d [{entities}]><w:document xmlns:w="{_W}"><w:body><w:p><w:r>'
        "<w:t>before &l8; after</w:t></w:r></w:p></w:body></w:document>"
    )
    return with_parts(word("x"), {"word/document.xml": body.encode()})
