"""Sizes and shares as text."""

from storage_quota.units import GIB, MIB


def gib(size_bytes: int) -> str:
    """Format as GiB, and as MiB where GiB would show only zeros."""
    if 0 < size_bytes < GIB // 10:
        return f"{size_bytes / MIB:.2f} MiB"
    return f"{size_bytes / GIB:.2f} GiB"


def mib(size_bytes: int) -> str:
    return f"{size_bytes / MIB:.3f}"


def percent(part: int, whole: int) -> float:
    """Return the share in percent; a limit of zero counts as fully used."""
    return round(part * 100 / whole, 2) if whole else 100.0
