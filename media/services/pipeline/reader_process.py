"""
Read a large export in a process of its own: Python computes on one core for each process.

The process is light: it knows neither the settings nor the database, makes the batches, and sends
each as a pickle. It is one batch ahead: it waits until what it sent is taken.
"""

import copyreg
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final

from django.utils.translation import gettext as _

from events.errors import DomainError
from media.services import garbage
from media.services.pipeline.batches import Batch, read_batches
from media.services.pipeline.read_ahead import ReadAhead
from media.sources.export.source import ExportSource
from media.sources.port import Attachment, Chat, Formatting, Forward, Message, Reaction

LARGE_BYTES: Final = 8 * 1024**2
"""Of the JSON file; a smaller one is read before such a process has paid for its start (0.3 s)."""
_HOME: Final = Path(__file__).parents[3]
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "TZDIR")
"""What it needs of the environment; passwords stand in the rest."""
_DEEPER: Final = 3
"""Pickling counts each level of a nested value twice, and what was decoded stands in a message."""
_FROZEN: Final = (Message, Attachment, Formatting, Forward, Reaction)

Sent = tuple[Batch | BaseException | None, int, int]
"""
A batch, the error that ends the reading, or None at its end; the number of the batch's chat; and
how many bytes of the file were read.
"""


class ReaderEnded(DomainError):
    """The process that reads the export was killed, or could not start; what it sent counts."""

    code: ClassVar[str] = "reader_ended"

    def __init__(self, exit_code: int) -> None:
        super().__init__(
            _(
                "The process that reads the export ended before its time (exit code %d);"
                " import again: what is stored is left alone"
            )
            % exit_code
        )


def batches_of(source: ExportSource, *, limit: int | None) -> ReadAhead[Batch]:
    """Read the source to its end, or until `limit` messages were read; close it in the end."""
    large = source.total_bytes >= LARGE_BYTES
    return ReadAhead((batches_from_elsewhere if large else read_batches)(source, limit=limit))


def batches_from_elsewhere(
    source: ExportSource, *, limit: int | None
) -> Generator[Batch, None, None]:
    """Give the batches that another process makes; it ends with this generator."""
    last: tuple[int, Chat | None] = (0, None)
    with _process() as process:
        _ask(process, source, limit)
        while True:
            item, number, bytes_read = _next(process)
            source.note_read_elsewhere(bytes_read)
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            # The same chat is the same object, as if it had been read here.
            last = last if last[0] == number else (number, item.chat)
            item.chat = last[1]
            yield item


@contextmanager
def _process() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-s", "-m", __name__],
        cwd=_HOME,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl+C is for the import, which ends this
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
            with suppress(BrokenPipeError):
                process.stdin.close()  # type: ignore[union-attr]  # it is a pipe


def _ask(process: "subprocess.Popen[bytes]", source: ExportSource, limit: int | None) -> None:
    assert process.stdin  # noqa: S101 - for the types
    try:
        pickle.dump((Path.cwd(), source, limit), process.stdin)
        process.stdin.flush()
    except BrokenPipeError:
        raise ReaderEnded(process.wait()) from None


def _next(process: "subprocess.Popen[bytes]") -> Sent:
    assert process.stdout  # noqa: S101 - for the types
    try:
        sent: Sent = pickle.load(process.stdout)  # noqa: S301 - our own process wrote it
    except (EOFError, pickle.UnpicklingError):
        raise ReaderEnded(process.wait()) from None
    return sent


def _serve(asked: BinaryIO, out: BinaryIO) -> None:
    """Be that process. Where nobody takes the batches any more, the reading ends."""
    folder, source, limit = pickle.load(asked)  # noqa: S301 - our own process wrote it
    os.chdir(folder)  # the path of an export may be relative to it
    try:
        with garbage.collected_rarely():
            _send_batches(source, limit, out)
    except BrokenPipeError:
        pass
    except Exception as error:  # noqa: BLE001 - it is raised where the batches are taken
        error.add_note(traceback.format_exc())
        _send(out, (error, 0, source.bytes_read))


def _send_batches(source: ExportSource, limit: int | None, out: BinaryIO) -> None:
    chat, number = None, 0
    with closing(read_batches(source, limit=limit)) as batches:
        for batch in batches:
            if batch.chat is not chat:
                chat, number = batch.chat, number + 1
            _send(out, (batch, number, source.bytes_read))
    _send(out, (None, number, source.bytes_read))


def _send(out: BinaryIO, item: Sent) -> None:
    pickler = pickle.Pickler(out, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _BY_VALUES
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(_DEEPER * usual)
    try:
        pickler.dump(item)
    finally:
        sys.setrecursionlimit(usual)
    out.flush()


def _by_values(kind: type[Any]) -> Any:
    """Pickle by the values of the fields: as a dataclass it would take five times as long."""
    values = attrgetter(*kind.__match_args__)
    return lambda item: (kind, values(item))


_BY_VALUES: Final = copyreg.dispatch_table | {kind: _by_values(kind) for kind in _FROZEN}

if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
