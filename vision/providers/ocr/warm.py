"""
Readers: processes in which Tesseract's languages are loaded already (`vision.providers.ocr.library`).

Loading them takes two fifths of what the program takes for a picture. A picture that hangs or kills
its reader costs that reader alone, as it does the program.
"""

import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from PIL import Image

from vision.providers.ocr import library

CHANNELS: Final = {"L": 1, "RGB": 3}
"""Modes that a reader takes."""
START_SECONDS: Final = 20.0


class ReaderLost(Exception):
    """The reader ended before it had answered; the picture may be read in another way."""


class ReaderTimeout(Exception):
    """The reader took too long, and was killed."""


class Readers:
    """Readers of one set of languages, as many as are wanted at once. Safe to share between threads."""

    def __init__(self, *, languages: str, version: str, environ: Mapping[str, str]) -> None:
        """`version` is the program's: with another one of the library nothing is read here."""
        self._languages, self._version, self._environ = languages, version, environ
        self._idle: list[_Reader] = []
        self._guard = threading.Lock()
        weakref.finalize(self, _end, self._idle)
        _all.add(self)
        self.is_usable = True
        """False once the library could not be used: it is missing, or of another version."""

    def tsv(self, picture: Image.Image, *, seconds: float) -> str | None:
        """
        Tesseract's words of a picture in a mode of CHANNELS; None where it failed.

        Raises ReaderLost and ReaderTimeout.
        """
        reader = self._taken()
        try:
            answer = reader.ask(picture, seconds=seconds)
        except BaseException:
            reader.end()
            raise
        with self._guard:
            self._idle.append(reader)
        return answer

    def _taken(self) -> "_Reader":
        with self._guard:
            while self._idle:
                reader = self._idle.pop()
                if reader.is_alive:
                    return reader
                reader.end()
        return self._started()

    def _started(self) -> "_Reader":
        reader = _Reader(self._languages, self._environ)
        try:
            version = reader.answer(seconds=START_SECONDS)
        except (ReaderLost, ReaderTimeout) as error:
            reader.end()
            self.is_usable = False
            raise ReaderLost("the library does not start") from error
        if version != self._version:
            self.is_usable = False
            reader.end()
            raise ReaderLost(f"the library is {version}, the program {self._version}")
        return reader

    def forget(self) -> None:
        """In a forked child: the readers are the parent's, who would get answers to our pictures."""
        _inherited.extend(self._idle)
        self._idle.clear()
        self._guard = threading.Lock()


def _end(readers: "list[_Reader]") -> None:
    while readers:
        readers.pop().end()


_all: "weakref.WeakSet[Readers]" = weakref.WeakSet()
_inherited: "list[_Reader]" = []
"""Readers of the parent process, kept from the garbage collector in a forked child."""


def _leave_to_parent() -> None:
    for readers in _all:
        readers.forget()


os.register_at_fork(after_in_child=_leave_to_parent)


class _Reader:
    """One process, which reads one picture at a time."""

    def __init__(self, languages: str, environ: Mapping[str, str]) -> None:
        self._is_late = False
        program = [sys.executable, "-I", "-S", str(Path(library.__file__)), languages]
        self._process: Any = subprocess.Popen(  # noqa: S603 - our own file
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
        )

    @property
    def is_alive(self) -> bool:
        """False for one that has ended for want of pictures."""
        return self._process.poll() is None

    def ask(self, picture: Image.Image, *, seconds: float) -> str | None:
        size = library.PICTURE.pack(CHANNELS[picture.mode], *picture.size)
        return self.answer(size + picture.tobytes(), seconds=seconds)

    def answer(self, question: bytes = b"", *, seconds: float) -> str | None:
        """What it writes next, after `question` is written to it; ends it where it does not answer."""
        late = threading.Timer(seconds, self._stop)
        late.daemon = True
        late.start()
        try:
            self._process.stdin.write(question)
            self._process.stdin.flush()
            return self._text()
        except (OSError, ReaderLost) as error:
            if self._is_late:
                raise ReaderTimeout(f"more than {seconds:.1f} s") from error
            raise ReaderLost("the reader ended") from error
        finally:
            late.cancel()

    def _stop(self) -> None:
        self._is_late = True
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                pipe.close()
            except OSError:  # what was not written any more
                continue

    def _text(self) -> str | None:
        length = int(library.LENGTH.unpack(self._read(library.LENGTH.size))[0])
        return None if length == library.FAILED else self._read(length).decode()

    def _read(self, size: int) -> bytes:
        found: bytes = self._process.stdout.read(size)
        if len(found) < size:
            raise ReaderLost("the reader ended")
        return found
