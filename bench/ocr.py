"""
`python -m bench.ocr`: pictures a second of the product's text recognition, against bare Tesseract.

Ours is the whole path of a worker: claim the delivery, fetch the picture from the store, prepare
and read it, keep the result in the cache, settle. Each round has a store of its own, so that no
text is found in the cache. Bare Tesseract is xargs with a process per core,
the same languages and page segmentation. Both read the same real pictures, in turn; without them
(`../shared/data/ocr`, or SHARED_DATA_DIR) nothing can be measured, which is an error.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.support import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()

from bench.support import report, turns  # noqa: E402
from events.delivery import worker  # noqa: E402
from storage_quota.object_store import use  # noqa: E402
from storage_quota.object_store.files import FileStore  # noqa: E402
from telegram_assistant.config import GigaChat  # noqa: E402
from tests.factories import Archive  # noqa: E402
from vision import handlers  # noqa: E402
from vision.models import PostEnrichment  # noqa: E402
from vision.providers.ocr.tesseract import DEFAULT_LANGUAGES  # noqa: E402

LEAST, ROUNDS = 0.9, 3
CORES = os.cpu_count() or 1
SHARED = os.environ.get("SHARED_DATA_DIR")
DATA = (Path(SHARED) if SHARED else Path(__file__).resolve().parents[2] / "shared" / "data") / "ocr"
SUFFIXES = {".png", ".jpg", ".tif"}
MIMES = {".png": "image/png", ".jpg": "image/jpeg", ".tif": "image/tiff"}
QUEUES = ("vision", "vision_backfill")
TABLES = ("channels", "media_objects", "posts", "events_outboxevent", "events_delivery",
          "storage_quota_storedobject", "tenant_storage_usage")  # fmt: skip


@dataclass
class Cpu:
    """Seconds of the processor that a side took in all its rounds, children included."""

    seconds: list[float] = field(default_factory=list)

    def timed(self, work: Callable[[], object]) -> float:
        before = _cpu_seconds()
        seconds = turns.timed(work)
        self.seconds.append(_cpu_seconds() - before)
        return seconds


def main() -> int:
    pictures = _pictures()
    settings.GIGACHAT = GigaChat(_env_file=None, credentials="")
    handlers.register()
    ours, bare = Cpu(), Cpu()
    with tempfile.TemporaryDirectory(prefix="bench_") as scratch, database.fresh():
        found = turns.in_turn(
            lambda: _read(pictures, Path(scratch), ours),
            lambda: bare.timed(lambda: _bare(pictures)),
            rounds=ROUNDS,
        )
    seconds, bare_seconds = found.seconds
    count = len(pictures)
    return report.close(
        [
            report.Figure("ocr: the product's path", count / seconds, unit="pic/s"),
            report.Figure("ocr: bare Tesseract", count / bare_seconds, unit="pic/s"),
            report.Figure(
                "ocr: processor time to bare Tesseract's",
                sum(ours.seconds) / sum(bare.seconds),
                unit="times",
            ),
            report.Figure(
                "ocr: product to bare Tesseract", 1 / found.ratio, at_least=LEAST, unit="times"
            ),
        ]
    )


def _pictures() -> list[Path]:
    found = sorted(f for f in DATA.glob("*") if f.suffix in SUFFIXES)
    if not found:
        sys.exit(f"no pictures in {DATA}: set SHARED_DATA_DIR; drawn ones would say nothing")
    return found


def _read(pictures: list[Path], scratch: Path, cpu: Cpu) -> float:
    """Publish a post for each picture, none of which was ever read; time the reading alone."""
    # Not by OBJECTS_DIR: a process keeps its store, and with it the texts of the round before.
    with use(FileStore(Path(tempfile.mkdtemp(dir=scratch)))):
        database.empty(*TABLES)
        archive = Archive()
        for picture in pictures:
            archive.post(picture.read_bytes(), mime=MIMES[picture.suffix])
        database.analyze()
        return cpu.timed(lambda: _drain(len(pictures)))


def _drain(count: int) -> None:
    for queue in QUEUES:
        worker.drain(queue)
    rows = PostEnrichment.objects.filter(provider="ocr_fallback")
    decisions = [one for row in rows for one in row.metadata["decisions"]]
    read = sum(one["outcome"] == "analyzed" and not one["from_cache"] for one in decisions)
    assert read == count, f"{read} of {count} pictures were read, {len(decisions)} decided about"


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


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    sys.exit(main())
