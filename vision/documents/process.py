"""Runs the reading of one file in a process of its own, which is killed when its time is over."""

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vision.documents.findings import Cut, Refusal
from vision.documents.limits import Limits

logger = logging.getLogger(__name__)

_HOME: Final = Path(__file__).parents[2]
_STDERR_CHARS: Final = 2000
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
"""What a reader needs of the environment; passwords stand in the rest."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text; `page` is its number in the file, None where the format has no pages."""

    text: str
    page: int | None = None
    label: str = ""
    is_recognized: bool = False


@dataclass(slots=True)
class Reading:
    """
    What was read of a file.

    `refusal` says why nothing or no more could be read, `cuts` why less than all was wanted.
    `scans` are the pages without text, with the pictures of them.
    """

    format: str = ""
    pages: int | None = None
    parts: list[Part] = field(default_factory=list)
    scans: list[tuple[int, Path]] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    refusal: Refusal | None = None
    detail: str = ""
    is_whole: bool = False


def read(file: Path, folder: Path, limits: Limits) -> Reading:
    """Read `file`; `folder` takes pictures of scanned pages, and what the process says."""
    if file.stat().st_size > limits.file_bytes:
        return Reading(refusal=Refusal.TOO_LARGE)
    lines, errors = folder / "lines.json", folder / "errors.txt"
    code = _run(file, folder, limits, lines=lines, errors=errors)
    reading = _parsed(lines, folder)
    if not reading.is_whole and reading.refusal is None:
        _explain_end(reading, code, errors)
    return reading


def _run(file: Path, folder: Path, limits: Limits, *, lines: Path, errors: Path) -> int | None:
    """Returns the exit code, None where the time was over."""
    command = [sys.executable, "-s", "-m", "vision.documents.reading"]
    arguments = [str(file), str(folder), limits.as_text(), str(os.getpid())]
    with lines.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(  # noqa: S603 - our own module, and a path that we made
            [*command, *arguments],
            cwd=_HOME,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            return process.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _kill(process)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Also when the caller is interrupted, and with whatever the process has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _parsed(lines: Path, folder: Path) -> Reading:
    reading = Reading()
    with lines.open(encoding="ascii") as file:
        for line in file:
            if not line.endswith("\n"):  # the process was killed while it wrote
                break
            _add(reading, json.loads(line), folder)
    return reading


def _add(reading: Reading, line: dict[str, Any], folder: Path) -> None:
    match line:
        case {"text": text, "page": page, "label": label}:
            reading.parts.append(Part(text, page, label))
        case {"picture": name, "page": page}:
            reading.scans.append((page, folder / Path(name).name))
        case {"format": name}:
            reading.format = name
        case {"pages": count}:
            reading.pages = count
        case {"refused": reason, "detail": detail}:
            reading.refusal, reading.detail = Refusal(reason), detail
        case {"end": True, "cuts": cuts}:
            reading.is_whole, reading.cuts = True, [Cut(one) for one in cuts]


def _explain_end(reading: Reading, code: int | None, errors: Path) -> None:
    """Say why the process ended before the document did."""
    said = errors.read_bytes()[-_STDERR_CHARS:].decode("utf-8", "replace").strip()
    last = said.rpartition("\n")[2]
    reading.detail = last[:200]
    if code is None or code == -signal.SIGXCPU:
        reading.refusal, reading.detail = Refusal.TOO_SLOW, ""
    elif "MemoryError" in last or "bad_alloc" in said or "memory allocation" in said:
        reading.refusal = Refusal.TOO_MUCH_MEMORY
    elif code > 0:
        reading.refusal = Refusal.BROKEN
    else:
        reading.refusal = Refusal.CRASHED
        reading.detail = f"signal {-code}"
    logger.warning("Reading a document ended with %s: %s", code, reading.detail or last)
