"""
Extraction in a process of its own: whoever wrote the page cannot reach ours, nor keep it busy.

One such process serves all threads of a worker, one page after the other; it is started when it
is first needed, replaced after `PAGES` pages, and killed when a page takes too long.
"""

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

SECONDS: Final = 20.0
MEMORY_BYTES: Final = 1024**3
PAGES: Final = 500
_HOME: Final = Path(__file__).parents[2]
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
"""What it needs of the environment; passwords stand in the rest."""


@dataclass(frozen=True, slots=True)
class Article:
    """What a page says; `date` is ISO, `image` an address. All empty where nothing was found."""

    title: str = ""
    author: str = ""
    date: str = ""
    image: str = ""
    site: str = ""
    text: str = ""
    markdown: str = ""


class PageUnreadable(Exception):
    """The page could not be taken apart: too slow, too large in memory, or broken."""


class Extractor:
    """Takes pages apart; threads may share it."""

    def __init__(self, *, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self._seconds, self._memory = seconds, memory_bytes
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner, self._served = 0, 0

    def extract(self, body: bytes, *, url: str, charset: str = "") -> Article:
        """Return the article of a page. Raises PageUnreadable."""
        head = json.dumps({"bytes": len(body), "url": url, "charset": charset})
        with self._lock:
            answer = self._ask(head.encode("ascii") + b"\n" + body)
        if "error" in answer:
            raise PageUnreadable(answer["error"])
        told = {name: _storable(value) for name, value in answer["article"].items()}
        return Article(**(told | {"image": _absolute(url, told.get("image", ""))}))

    def close(self) -> None:
        """End the process, if this one has started it."""
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.communicate()
        self._process = None

    def _ask(self, message: bytes) -> dict[str, Any]:
        process = self._started()
        assert process.stdin  # noqa: S101 - for the types
        assert process.stdout  # noqa: S101 - see above
        clock = threading.Timer(self._seconds, process.kill)
        clock.start()
        try:
            process.stdin.write(message)
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            clock.cancel()
        self._served += 1
        if not line.endswith(b"\n"):
            self.close()
            raise PageUnreadable(f"the process ended, or took longer than {self._seconds:g} s")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._served >= PAGES:
            self.close()
        # A fork inherits the parent's process, whose pipes are not its own.
        if self._process is not None and (
            self._owner != os.getpid() or self._process.poll() is not None
        ):
            self.close()
        if self._process is None:
            self._process, self._owner, self._served = self._start(), os.getpid(), 0
        return self._process

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-s", "-m", "crawl.extraction"]
        return subprocess.Popen(  # noqa: S603 - our own module
            [*command, str(self._memory), str(int(self._seconds) + 10)],
            cwd=_HOME,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _storable(text: str) -> str:
    """Without what PostgreSQL does not take: NUL, and halves of characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _absolute(url: str, image: str) -> str:
    """The address of a picture of the page; empty where it leads to no page of the web."""
    try:
        address = urljoin(url, image) if image else ""
    except ValueError:
        return ""
    return address if address.startswith(("https://", "http://")) else ""


shared: Final = Extractor()
