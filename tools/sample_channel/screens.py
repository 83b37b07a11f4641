"""Screenshots of programs that do not exist: chats, a terminal, settings, notifications."""

from dataclasses import dataclass

from tools.sample_channel.canvas import Canvas, Picture, Style, text_width, wrap

BOLD = "Sans-Bold"
MONO = "SansMono"


@dataclass(frozen=True, slots=True)
class Theme:
    page: str
    bar: str
    card: str
    own: str
    text: str
    muted: str
    accent: str


LIGHT = Theme("#e8eef2", "#ffffff", "#ffffff", "#d9f5c9", "#17202a", "#5f6b76", "#1f6fbf")
DARK = Theme("#0f1720", "#18222d", "#1f2c38", "#14395c", "#f1f5f8", "#a9b8c4", "#63b3f2")


def chat(theme: Theme, title: str, subtitle: str, bubbles: list[tuple[str, str]]) -> Picture:
    """A conversation; a bubble without an author is our own and stands on the right."""
    canvas = Canvas(760, 1040, theme.page)
    _title_bar(canvas, theme, title, subtitle)
    y = 160.0
    for author, text in bubbles:
        y = _bubble(canvas, theme, y, author, text)
    return canvas.finish()


def _title_bar(canvas: Canvas, theme: Theme, title: str, subtitle: str) -> None:
    canvas.box(0, 0, canvas.width, 130, theme.bar)
    canvas.disc(76, 65, 36, theme.accent)
    canvas.disc(76, 56, 12, theme.bar)
    canvas.sector(76, 92, 22, (180, 360), theme.bar)
    canvas.write(134, 28, title, Style(30, theme.text, BOLD))
    canvas.write(134, 76, subtitle, Style(23, theme.muted))


def _bubble(canvas: Canvas, theme: Theme, y: float, author: str, text: str) -> float:
    style, name = Style(27, theme.text), Style(24, theme.accent, BOLD)
    lines = wrap(text, style, width=520)
    head = 38 if author else 0
    wide = max(text_width(line, style) for line in lines)
    wide = max(wide, text_width(author, name)) + 56
    tall = len(lines) * 38 + head + 34
    x = 30 if author else canvas.width - 30 - wide
    canvas.box(x, y, wide, tall, theme.card if author else theme.own, radius=22)
    if author:
        canvas.write(x + 28, y + 18, author, name)
    canvas.paragraph(x + 28, y + 18 + head, text, style, width=520)
    return y + tall + 18


def terminal(title: str, rows: list[str]) -> Picture:
    """White on black; rows that start with `$` were typed."""
    canvas = Canvas(1080, 130 + 46 * len(rows), "#11151c")
    canvas.box(0, 0, canvas.width, 64, "#2a303b")
    for place, color in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        canvas.disc(40 + 36 * place, 32, 11, color)
    canvas.write(540, 32, title, Style(23, "#c9d1d9"), anchor="mm")
    for place, row in enumerate(rows):
        color = "#7ee787" if row.startswith("$") else "#e6edf3"
        canvas.write(40, 98 + 46 * place, row, Style(25, color, MONO))
    return canvas.finish()


def notification(theme: Theme, app: str, title: str, text: str) -> Picture:
    """One card over a blurred wallpaper."""
    canvas = Canvas(900, 420, theme.page)
    for place, color in enumerate(("#5d8fb8", "#7fa6a0", "#b58fa8")):
        canvas.disc(120 + 330 * place, 420, 190, color if theme is LIGHT else "#1b2b3d")
    canvas.card(50, 50, 800, 310, theme.card, radius=34)
    canvas.box(86, 84, 48, 48, theme.accent, radius=13)
    canvas.disc(110, 108, 12, theme.card)
    canvas.write(154, 93, app, Style(24, theme.muted))
    canvas.write(86, 156, title, Style(31, theme.text, BOLD))
    canvas.paragraph(86, 212, text, Style(27, theme.text), width=720)
    return canvas.finish()


def settings(theme: Theme, title: str, rows: list[tuple[str, str, bool]]) -> Picture:
    """A page of switches: name, explanation, on or off."""
    canvas = Canvas(820, 160 + 130 * len(rows), theme.page)
    canvas.write(48, 48, title, Style(40, theme.text, BOLD))
    canvas.box(30, 124, 760, 130 * len(rows), theme.card, radius=26)
    for place, (name, hint, on) in enumerate(rows):
        y = 124 + 130 * place
        if place:
            canvas.box(60, y, 700, 2, theme.page)
        canvas.write(60, y + 26, name, Style(28, theme.text))
        canvas.write(60, y + 74, hint, Style(23, theme.muted))
        _switch(canvas, theme, 676, y + 42, on=on)
    return canvas.finish()


def _switch(canvas: Canvas, theme: Theme, x: float, y: float, *, on: bool) -> None:
    canvas.box(x, y, 84, 46, theme.accent if on else theme.muted, radius=23)
    canvas.disc(x + (61 if on else 23), y + 23, 18, theme.card)


def dialog(title: str, text: str, buttons: tuple[str, str]) -> Picture:
    canvas = Canvas(960, 520, "#c8d3dd")
    canvas.card(90, 70, 780, 370, "#ffffff", radius=20)
    canvas.box(90, 94, 12, 322, "#d64545", radius=6)
    canvas.write(150, 116, title, Style(36, "#1c1e21", BOLD))
    canvas.paragraph(150, 190, text, Style(29, "#3d4650"), width=660)
    canvas.box(150, 318, 660, 2, "#d9e0e6")
    canvas.write(640, 352, buttons[0], Style(29, "#1f5fa8", BOLD), anchor="ra")
    canvas.write(810, 352, buttons[1], Style(29, "#1f5fa8", BOLD), anchor="ra")
    return canvas.finish()


def weather(place: str, now: str, rows: list[tuple[str, str]]) -> Picture:
    canvas = Canvas(760, 330 + 76 * len(rows), "#2f6fa8")
    canvas.disc(630, 120, 62, "#ffd166")
    for x, y, radius in ((590, 160, 36), (634, 146, 46), (682, 164, 34)):
        canvas.disc(x, y, radius, "#e8f1f8")
    canvas.write(56, 60, place, Style(34, "#ffffff", BOLD))
    canvas.write(56, 128, now, Style(58, "#ffffff"))
    canvas.box(30, 270, 700, 76 * len(rows) + 24, "#3f80ba", radius=26)
    for index, (when, what) in enumerate(rows):
        canvas.write(64, 298 + 76 * index, when, Style(28, "#ffffff", BOLD))
        canvas.write(330, 298 + 76 * index, what, Style(28, "#ffffff"))
    return canvas.finish()


def timetable(stop: str, days: str, rows: list[str]) -> Picture:
    """A sign at a stop: one row of departures for each hour."""
    canvas = Canvas(760, 270 + 70 * len(rows), "#f4f2ea")
    canvas.box(0, 0, 760, 190, "#23513f")
    canvas.write(50, 46, stop, Style(38, "#ffffff", BOLD))
    canvas.write(50, 114, days, Style(29, "#e3efe8"))
    for place, row in enumerate(rows):
        y = 230 + 70 * place
        canvas.box(50, y + 53, 660, 2, "#d5d9d0")
        canvas.write(50, y, row, Style(34, "#1c1e21"))
    return canvas.finish()
