"""
Draw the sample channel: `python -m tools.sample_channel.draw OUTPUT_DIR`.

Writes `OUTPUT_DIR/ChatExport_2026-11-01/` and `OUTPUT_DIR/expected.json`. The result is
committed, so only maintainers run this; it needs the DejaVu fonts (Debian: fonts-dejavu-core)
and, beyond the product's own packages, PyAV (`pip install av`). It does not need Django.
"""

import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from tools.sample_channel import export, posts, truth
from tools.sample_channel.canvas import FontsMissing

EXPORT_NAME = "ChatExport_2026-11-01"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="tools.sample_channel.draw", description="Draw the sample.")
    parser.add_argument("output", type=Path, help="folder for the export and expected.json")
    try:
        draw(parser.parse_args(arguments).output)
    except FontsMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    return 0


def draw(output: Path) -> None:
    """Replace the export in `output` by a new one."""
    folder = output / EXPORT_NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    channel = posts.load()
    root = export.write(folder, channel)
    export.dump(output / "expected.json", truth.build(folder, channel, root))


if __name__ == "__main__":
    sys.exit(main())
