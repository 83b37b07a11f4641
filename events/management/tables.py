"""Aligned text for a terminal: the one renderer of facts and tables for the commands of all rooms."""

from collections.abc import Iterator, Mapping, Sequence

ABSENT = ("-", "—")


def facts(rows: Mapping[str, object]) -> Iterator[str]:
    """Yield one line `name  value` per entry, the values below each other, large integers grouped."""
    width = max(map(len, rows), default=0)
    for name, value in rows.items():
        yield f"{name:<{width}}  {grouped(value) if _is_integer(value) else cell(value)}"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield the head and a line per row; text is aligned left, numbers behind the first column right."""
    lines = [list(head), *([cell(value) for value in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    right = [column > 0 and _holds_numbers(lines[1:], column) for column in range(len(head))]
    for line in lines:
        padded = (
            text.rjust(width) if is_number else text.ljust(width)
            for text, width, is_number in zip(line, widths, right, strict=True)
        )
        yield "  ".join(padded).rstrip()


def cell(value: object) -> str:
    """Format one value: truth values as JSON writes them (CONTRACT A24), nothing as a dash."""
    match value:
        case bool():
            return str(value).lower()
        case None | "":
            return ABSENT[0]
        case float():
            return f"{value:.1f}"
        case _:
            return str(value)


def grouped(value: object) -> str:
    """Format an integer with blanks between thousands: `12 345`."""
    return f"{value:,}".replace(",", " ")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _holds_numbers(lines: Sequence[Sequence[str]], column: int) -> bool:
    """Whether every value of the column begins with a digit or is absent, and one is a number."""
    texts = [line[column] for line in lines if line[column] not in ABSENT]
    return bool(texts) and all(text[:1].isdigit() for text in texts)
