"""
Peak resident size of an import: a 1 GB result.json against one of 10 MB.

Each runs as a process of its own (`manage.py import_export`), on a database of its own.
Bound: at most 1.3 times. The posts are as long as Telegram allows, 4 096 characters.
"""

import os
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from bench.support import database

database.setup()

from django.db import connections  # noqa: E402 - after django.setup()

from bench.support import exports, report  # noqa: E402
from tests import peak_memory  # noqa: E402

SMALL, LARGE, MOST = 10_000_000, 1_000_000_000, 1.3
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench_") as scratch:
        peaks = {size: _peak(size, Path(scratch)) for size in (SMALL, LARGE)}
    return report.close(
        [
            *(
                report.Figure(f"memory: peak of {size / 1e6:.0f} MB", peak / 1024, unit="MiB")
                for size, peak in peaks.items()
            ),
            report.Figure(
                "memory: peak of 1 GB to 10 MB",
                peaks[LARGE] / peaks[SMALL],
                at_most=MOST,
                unit="times",
            ),
        ]
    )


def _peak(size_bytes: int, scratch: Path) -> int:
    """KiB, as the kernel accounts for the finished process."""
    folder = scratch / f"export_{size_bytes}"
    one = next(exports.messages(1, words=_WORDS))
    count = size_bytes // len(str(one).encode())
    exports.write(folder, exports.messages(count, words=_WORDS))
    with database.fresh():
        ended = peak_memory.run(
            [sys.executable, ROOT / "manage.py", "import_export", folder],
            env=_environment(scratch),
            cwd=ROOT,
        )
    (folder / "result.json").unlink()
    assert ended.code == 0, f"the import of {size_bytes} bytes failed"
    return ended.peak_kib


_WORDS = 600


def _environment(scratch: Path) -> dict[str, str]:
    params = connections["default"].get_connection_params()
    url = f"postgresql://{params['user']}@/{params['dbname']}?host={quote(params['host'])}"
    return os.environ | {"DATABASE_URL": url, "VAR_DIR": str(scratch / "var")}


if __name__ == "__main__":
    sys.exit(main())
