"""`make bench`: everything that must hold, each bound a ratio within one run where it can be."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.support import database, kept_vectors, report

BENCHES = (
    "assembly",
    "bucket",
    "bus",
    "cleanup",
    "crawl",
    "graph",
    "imports",
    "indexing",
    "memory",
    "near",
    "ocr",
    "pictures",
    "quota",
    "rebuild",
    "relevance",
    "saved",
    "scrape",
    "search_scale",
    "tagging",
    "telegram",
    "vision",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], help="only these")
    chosen = parser.parse_args().names or BENCHES
    started = time.monotonic()
    database.setup()
    with tempfile.TemporaryDirectory(prefix="bench_") as folder, database.template():
        path = Path(folder, "figures")
        path.touch()
        broken = [name for name in chosen if not _run(name, path)]
        figures = report.read(path)
    return _summary(figures, broken, minutes=(time.monotonic() - started) / 60)


def _run(name: str, path: Path) -> bool:
    """Run one bench in a process of its own; whether it came to its figures."""
    print(f"== {name}", flush=True)
    started, before = time.monotonic(), path.stat().st_size
    # A process each: what one subscribes or imports must not weigh on the next.
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}"],
        env=os.environ | {report.VARIABLE: str(path), kept_vectors.VARIABLE: _vectors()},
        check=False,
    )
    print(f"   ({time.monotonic() - started:.0f} s, load {os.getloadavg()[0]:.1f})\n", flush=True)
    # A figure out of its bound is in the table; without any, the bench itself broke.
    return done.returncode == 0 or path.stat().st_size > before


def _vectors() -> str:
    """The folder of vectors: the one that is named, or one that the next run finds as well."""
    return os.environ.get(kept_vectors.VARIABLE, str(kept_vectors.of_this_code()))


def _summary(figures: list[report.Figure], broken: list[str], *, minutes: float) -> int:
    print(f"== summary ({minutes:.0f} min)")
    for figure in figures:
        if figure.bound or figure.skipped:
            print(f"   {figure}")
    for name in broken:
        print(f"   {name}: BROKEN, it ended without figures")
    failed = [figure for figure in figures if not figure.holds]
    skipped = sum(bool(figure.skipped) for figure in figures)
    print(f"   {len(failed)} out of bounds, {len(broken)} broken, {skipped} skipped")
    return 1 if failed or broken else 0


if __name__ == "__main__":
    sys.exit(main())
