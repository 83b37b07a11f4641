"""The files that are not pictures: a data sheet as PDF, a table as CSV."""

from datetime import date, timedelta

from tools.sample_channel.canvas import seeded

_NOTES = [
    "Dust sensor: assembly notes",
    "",
    "1. Solder the header to the board, pins down.",
    "2. Red wire to five volts, black wire to ground.",
    "3. Data goes to pin four; keep the cable under one meter.",
    "4. Let the fan run for thirty seconds before the first reading.",
    "5. Clean the inlet with a soft brush once a month.",
    "",
    "A reading above 35 micrograms for a whole day is worth a message.",
    "Files and questions: example.org/dvor/setup",
]
_DAYS = ("пн", "вт", "ср", "чт", "пт", "сб", "вс")
_TYPICAL = (412, 455, 438, 470, 391, 268, 224)


def read(name: str) -> bytes:
    """The content of the document called `name`."""
    return {"sensor-notes.pdf": notes_pdf, "bikes-september.csv": bikes_csv}[name]()


def bikes_csv() -> bytes:
    """Rides per day; the weekdays agree with the bar chart."""
    rng = seeded("bikes")
    days = [date(2026, 9, 1) + timedelta(days=number) for number in range(22)]
    rows = ["дата;день;поездки"]
    for day in days:
        rides = _TYPICAL[day.weekday()] + rng.randint(-30, 30)
        rows.append(f"{day.isoformat()};{_DAYS[day.weekday()]};{rides}")
    return ("\n".join(rows) + "\n").encode()


def notes_pdf() -> bytes:
    """One page in Helvetica, which every reader of PDF brings along."""
    rows = " ".join(f"({line}) Tj T*" for line in _NOTES)
    stream = f"BT /F1 14 Tf 24 TL 60 760 Td {rows} ET".encode("ascii")
    return _pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>",
            b"<< /Type /Page /Parent 2 0 R /Resources 6 0 R /Contents 4 0 R >>",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            b"<< /Font << /F1 5 0 R >> >>",
        ]
    )


def _pdf(objects: list[bytes]) -> bytes:
    """Objects numbered from one, then the table of where each begins."""
    body = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (count, table, count, len(body))
    )
