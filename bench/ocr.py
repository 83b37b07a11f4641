"""
`python -m bench.ocr`: the product's OCR against bare Tesseract, over the same pictures.

Both sides run in the same process tree, round by round in turn, with the same languages and page
segmentation: ours from threads, bare Tesseract from xargs with one process per core. Printed
are medians; the exit code is 1 where ours is slower than 0.9 of bare Tesseract.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from PIL import Image, ImageDraw, ImageFont

from vision.providers.ocr.tesseract import DEFAULT_LANGUAGES, TesseractOcr

FLOOR = 0.9
CORES = os.cpu_count() or 1
THREADS = CORES + 1
SHARED = os.environ.get("SHARED_DATA_DIR")
DATA = Path(SHARED) if SHARED else Path(__file__).resolve().parents[2] / "shared" / "data"
NOW = datetime(2025, 1, 28, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Lap:
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    pictures: int
    rounds: int
    threads: int
    product_pictures_per_s: float
    bare_pictures_per_s: float
    ratio: float
    product_cores_busy: float
    bare_cores_busy: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=THREADS, help="at most cores + 1")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    with _pictures() as folder:
        report = _compare(_files(Path(folder)), max(3, options.rounds), options.threads)
    print(json.dumps(asdict(report)) if options.json else _text(report))
    return 0 if report.ratio >= FLOOR else 1


def _compare(files: list[Path], rounds: int, threads: int) -> Report:
    provider = TesseractOcr()
    threads = min(threads, THREADS)

    def analyze(file: Path) -> None:
        provider.analyze(file.read_bytes(), mime="", prompt="", now=NOW)

    def product() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(analyze, files))

    laps = [(_lap(product), _lap(lambda: _bare(files))) for _ in range(rounds)]
    ours, bare = [a for a, _ in laps], [b for _, b in laps]
    return Report(
        pictures=len(files),
        rounds=rounds,
        threads=threads,
        product_pictures_per_s=round(len(files) / median(lap.seconds for lap in ours), 2),
        bare_pictures_per_s=round(len(files) / median(lap.seconds for lap in bare), 2),
        ratio=round(median(b.seconds / a.seconds for a, b in laps), 3),
        product_cores_busy=_busy(ours),
        bare_cores_busy=_busy(bare),
    )


def _bare(files: list[Path]) -> None:
    command = ["xargs", "-0", f"-P{CORES}", "-I{}", "tesseract", "{}", "-", "-l", DEFAULT_LANGUAGES]
    subprocess.run(
        command,
        input="\0".join(map(str, files)).encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        check=True,
    )


def _lap(work: Callable[[], None]) -> Lap:
    cpu, start = _cpu_seconds(), time.perf_counter()
    work()
    return Lap(time.perf_counter() - start, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _busy(laps: list[Lap]) -> float:
    """Share of the cores that worked: 1.0 is all of them, all of the time."""
    return round(median(lap.cpu_seconds / lap.seconds / CORES for lap in laps), 3)


def _pictures() -> nullcontext[str] | tempfile.TemporaryDirectory[str]:
    if (DATA / "ocr").is_dir():
        return nullcontext(str(DATA / "ocr"))
    print(f"{DATA / 'ocr'} is not there: pictures are drawn instead", file=sys.stderr)
    folder = tempfile.TemporaryDirectory(prefix="bench_ocr_")
    for number in range(24):
        _draw(number).save(Path(folder.name, f"page_{number:02}.png"))
    return folder


def _draw(number: int) -> Image.Image:
    """A page of English, longer each time (Pillow's own font has no Cyrillic)."""
    lines = [f"Line {n} of page {number}: the quick brown fox" for n in range(4 + number)]
    page = Image.new("RGB", (900, 80 + 34 * len(lines)), "white")
    font = ImageFont.load_default(26)
    ImageDraw.Draw(page).text((30, 30), "\n".join(lines), fill="black", font=font)
    return page


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.suffix in {".png", ".jpg", ".tif"})


def _text(report: Report) -> str:
    return (
        f"{report.pictures} pictures, {report.rounds} rounds, {report.threads} threads, "
        f"{CORES} cores\n"
        f"product         {report.product_pictures_per_s:6.2f} pictures/s, "
        f"cores busy {report.product_cores_busy:.0%}\n"
        f"bare tesseract  {report.bare_pictures_per_s:6.2f} pictures/s, "
        f"cores busy {report.bare_cores_busy:.0%}\n"
        f"ratio           {report.ratio:6.3f} (median of the rounds; at least {FLOOR})"
    )


if __name__ == "__main__":
    sys.exit(main())
