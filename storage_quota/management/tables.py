"""Aligned text tables for commands."""

from collections.abc import Iterator, Mapping, Sequence

from storage_quota.units import GIB, MIB


def facts(rows: Mapping[str, object]) -> Iterator[str]:
    """Format lines of a name and a value, with the values aligned."""
    width = max(map(len, rows), default=0)
    for name, value in rows.items():
        yield f"{name:<{width}}  {value}"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Format a table; columns of numbers are aligned to the right, except the first."""
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        first, *rest = (
            f"{cell:>{width}}" if column and _is_figure(lines, column) else f"{cell:<{width}}"
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield "  ".join([first, *rest]).rstrip()


def gib(size_bytes: int) -> str:
    """Format in GiB, or in MiB if that would show only zeros."""
    if 0 < size_bytes < GIB // 10:
        return f"{size_bytes / MIB:.2f} MiB"
    return f"{size_bytes / GIB:.2f} GiB"


def mib(size_bytes: int) -> str:
    return f"{size_bytes / MIB:.3f}"


def percent(part: int, whole: int) -> float:
    """Percent of `whole`, two decimals; 100 if `whole` is 0."""
    return round(part * 100 / whole, 2) if whole else 100.0


def _is_figure(lines: Sequence[Sequence[str]], column: int) -> bool:
    return all(line[column][:1].isdigit() or line[column] == "—" for line in lines[1:])
