"""Pages that tests draw, and the reports of people whose pictures were not read."""

import io
import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONTS = Path("/usr/share/fonts/truetype/dejavu")
LINES = (
    "Причал открыт с девяти утра", "Лодки выдают по паспорту", "Жилеты обязательны для всех",
    "Уровень воды двести сантиметров", "Стоянка у моста запрещена", "Касса работает до шести",
    "Дети только со взрослыми", "Собак на борт не берём", "Билеты возврату не подлежат",
    "Приятного плавания",
)  # fmt: skip
"""The page that the reports show."""


def page(lines=LINES, *, ink="white", ground=(24, 34, 44), font="DejaVuSans", size=30, step=52):
    """A page of text; without a `ground` it is transparent."""
    letters = ImageFont.truetype(FONTS / f"{font}.ttf", size)
    mode, fill = ("RGBA", (0, 0, 0, 0)) if ground is None else ("RGB", ground)
    sheet = Image.new(mode, (760, 50 + step * len(lines)), fill)
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        draw.text((40, 25 + step * number), line, fill=ink, font=letters)
    return sheet


def encoded(picture: Image.Image, name: str = "PNG", **how) -> bytes:
    file = io.BytesIO()
    picture.save(file, name, **how)
    return file.getvalue()


def words_of(text: str) -> list[str]:
    """Words of four letters and more, which is what the reports count."""
    return [word for word in text.split() if len(word) >= 4]


def found(text: str, lines=LINES) -> int:
    """How many words of the page are in the text, each as often as it stands there."""
    left = text.split()
    number = 0
    for word in words_of(" ".join(lines)):
        if word in left:
            left.remove(word)
            number += 1
    return number


def report(shared_data: Path, name: str) -> tuple[dict, list[Path]]:
    """What a report expects, and its pictures."""
    folder = shared_data / "reports" / name
    pictures = [f for f in folder.rglob("*") if f.suffix in {".png", ".webp"}]
    return json.loads((folder / "expected.json").read_text("utf-8")), sorted(pictures)
