"""Entry of the process that reads a file, see the package."""

import os
import sys
from pathlib import Path

from vision.documents.findings import Refused
from vision.documents.limits import Limits
from vision.documents.reading.isolation import confine
from vision.documents.reading.output import Enough, Output


def main(file: str, folder: str, limits_text: str, parent: str) -> None:
    """Whatever a library raises about a file ends the process with a traceback: its caller reads it."""
    limits = Limits.of_text(limits_text)
    confine(limits, parent=int(parent))
    output = Output(limits)
    try:
        _read(Path(file), Path(folder), output)
    except Refused as refusal:
        output.refused(refusal.reason, str(refusal))
    except Enough:
        output.end()
    else:
        output.end()


def _read(path: Path, folder: Path, output: Output) -> None:
    from vision.documents.reading.formats import Format, format_of  # noqa: PLC0415 - after the limits

    found = format_of(path, unpacked_bytes=output.limits.unpacked_bytes)
    output.format(found)
    match found:  # each library is loaded where it is needed
        case Format.PDF:
            from vision.documents.reading import pdf  # noqa: PLC0415 - see above

            pdf.read(path, folder, output)
        case Format.TEXT:
            from vision.documents.reading import plain  # noqa: PLC0415 - see above

            plain.read(path, output)
        case _:
            from vision.documents.reading import office  # noqa: PLC0415 - see above

            readers = {
                Format.WORD: office.read_word,
                Format.SLIDES: office.read_slides,
                Format.TABLES: office.read_tables,
            }
            readers[found](path, output)


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # what libraries do at the end of a process is of no use here
