"""Charts as a small newsroom would publish them."""

from tools.sample_channel.canvas import Canvas, Picture, Point, Style

INK, MUTED, GRID = "#1d2733", "#566270", "#dde3e9"
COLORS = ("#2f7ed8", "#e4812d", "#3aa76d", "#b0539f", "#c9a227")
TITLE = Style(34, INK, "Sans-Bold")
LABEL = Style(25, INK)
WEEKEND = 5  # the place of Saturday in a week
NOTE = Style(22, MUTED)


def _sheet(title: str, subtitle: str, *, height: int = 700) -> Canvas:
    canvas = Canvas(1080, height)
    canvas.box(60, 44, 10, 92, COLORS[0], radius=5)
    canvas.write(94, 44, title, TITLE)
    canvas.write(94, 104, subtitle, LABEL.but(fill=MUTED))
    return canvas


def bars(title: str, subtitle: str, values: list[tuple[str, int]], note: str) -> Picture:
    """One bar a day; the weekend stands out. Names and figures share the rows below."""
    canvas = _sheet(title, subtitle, height=760)
    step, top = 960 / len(values), max(value for _, value in values)
    canvas.box(60, 550, 960, 3, MUTED)
    middles = [60 + step * (place + 0.5) for place in range(len(values))]
    for place, (_, value) in enumerate(values):
        tall = 360 * value / top
        x = middles[place] - step * 0.3
        canvas.box(x, 550 - tall, step * 0.6, tall, COLORS[place >= WEEKEND], radius=6)
    for x, (name, _) in zip(middles, values, strict=True):
        canvas.write(x, 590, name, LABEL.but(size=29), anchor="mm")
    for x, (_, value) in zip(middles, values, strict=True):
        canvas.write(x, 640, str(value), LABEL.but(size=29, face="Sans-Bold"), anchor="mm")
    canvas.write(60, 696, note, NOTE)
    return canvas.finish()


def curve(title: str, subtitle: str, series: list[float], marks: list[str], note: str) -> Picture:
    canvas = _sheet(title, subtitle)
    low, high = 0.0, max(series) * 1.15
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = 570 - 370 * share
        canvas.box(150, y, 870, 2, GRID)
        canvas.write(130, y, f"{low + (high - low) * share:.0f}", LABEL, anchor="rm")
    canvas.lines[2:] = canvas.lines[:1:-1]
    step = 870 / (len(series) - 1)
    points: list[Point] = [
        (150 + step * place, 570 - 370 * value / high) for place, value in enumerate(series)
    ]
    canvas.shape([*points, (1020, 570), (150, 570)], "#dcebfa")
    canvas.line(points, COLORS[0], width=5)
    _name_marks(canvas, marks)
    canvas.write(60, 650, note, NOTE)
    return canvas.finish()


def _name_marks(canvas: Canvas, marks: list[str]) -> None:
    step = 780 / (len(marks) - 1)
    for place, mark in enumerate(marks):
        canvas.write(190 + step * place, 600, mark, LABEL, anchor="mm")


def pie(title: str, subtitle: str, parts: list[tuple[str, int]], note: str) -> Picture:
    """A ring with its legend on the right; the parts are percentages."""
    canvas = _sheet(title, subtitle)
    start = -90.0
    for place, (_, share) in enumerate(parts):
        canvas.sector(300, 390, 210, (start, start + share * 3.6), COLORS[place])
        start += share * 3.6
    canvas.disc(300, 390, 110, "#ffffff")
    for place, (name, share) in enumerate(parts):
        y = 250 + 70 * place
        canvas.box(590, y, 34, 34, COLORS[place], radius=8)
        canvas.write(650, y + 1, f"{name} {share}%", LABEL.but(size=28))
    canvas.write(60, 644, note, NOTE)
    return canvas.finish()


def ranking(title: str, subtitle: str, values: list[tuple[str, float]], note: str) -> Picture:
    """Horizontal bars, each under its name and figure."""
    canvas = _sheet(title, subtitle, height=240 + 104 * len(values))
    for place, (name, value) in enumerate(values):
        y = 176 + 104 * place
        canvas.write(94, y, f"{name}: {value}%", LABEL.but(size=27))
        canvas.box(94, y + 44, 880, 30, GRID, radius=8)
        canvas.box(94, y + 44, 8.8 * value, 30, COLORS[2], radius=8)
    canvas.write(94, 184 + 104 * len(values), note, NOTE)
    return canvas.finish()


def summary(title: str, subtitle: str, rows: list[str]) -> Picture:
    canvas = _sheet(title, subtitle, height=200 + 76 * len(rows))
    for place, row in enumerate(rows):
        y = 170 + 76 * place
        canvas.box(60, y, 960, 66, "#eef4fa", radius=12)
        canvas.disc(98, y + 33, 10, COLORS[place])
        canvas.write(130, y + 17, row, LABEL.but(size=28))
    return canvas.finish()
