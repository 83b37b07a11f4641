"""Figures as aligned text."""

from collections.abc import Iterator, Mapping, Sequence

GIB = 1024**3
MIB = 1024**2


def facts(rows: Mapping[str, object]) -> Iterator[str]:
    """`Name  value`, the values under each other."""
    width = max(map(len, rows), default=0)
    for name, value in rows.items():
        yield f"{name:<{width}}  {value}"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """The first column to the left, numbers to the right."""
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        first, *rest = (
            f"{cell:>{width}}" if column and _is_figure(lines, column) else f"{cell:<{width}}"
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield "  ".join([first, *rest]).rstrip()


def gib(size_bytes: int) -> str:
    """In GiB, and in MiB where that would only be zeros."""
    if 0 < size_bytes < GIB // 10:
        return f"{size_bytes / MIB:.2f} MiB"
    return f"{size_bytes / GIB:.2f} GiB"


def mib(size_bytes: int) -> str:
    return f"{size_bytes / MIB:.3f}"


def percent(part: int, whole: int) -> float:
    """What part of nothing is taken: all of it."""
    return round(part * 100 / whole, 2) if whole else 100.0


def _is_figure(lines: Sequence[Sequence[str]], column: int) -> bool:
    return all(line[column][:1].isdigit() or line[column] == "—" for line in lines[1:])
