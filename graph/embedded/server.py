"""
The embedded graph of an installation with NEO4J_URL=embedded: start, join, find, stop.

It is ArcadeDB, which speaks Neo4j's Bolt, out of the package `arcadedb-embedded` with its own Java.
It listens on this machine only, and stays after the process that started it, as the embedded
PostgreSQL does.
"""

import importlib.util
import json
import os
import secrets
import signal
import subprocess
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil
from django.utils.translation import gettext
from fasteners import InterProcessLock

from events.sentences import Sentence, gettext_noop
from graph.errors import GraphUnavailable

USER: Final = "root"
DATABASE: Final = "graph"
START_SECONDS: Final = 90
STOP_SECONDS: Final = 60
HEAP_MB: Final = 512
SERVER: Final = "com.arcadedb.server.ArcadeDBServer"
HOST: Final = "127.0.0.1"
_thread_lock = threading.Lock()
_NOT_STARTED: Final = Sentence(
    gettext_noop(
        "the embedded graph has not started, see %(path)s:"
        " remove what stands in its way, or set NEO4J_URL to a server of your own"
    )
)
_NOT_READY: Final = Sentence(gettext_noop("the embedded graph was not ready within %(seconds)s s"))
_children: Final[dict[int, "subprocess.Popen[bytes]"]] = {}
"""Servers that this process has started, by their pid; they may outlive it."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs: its process with the time of its start, its port and its password."""

    pid: int
    started: float
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"bolt://{HOST}:{self.port}"


def start(folder: Path) -> Running:
    """Start or join the server of this folder. Raises GraphUnavailable."""
    if found := running(folder):
        return found
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _thread_lock, InterProcessLock(folder / ".lock"):
        return running(folder) or _start(folder)


def running(folder: Path) -> Running | None:
    """Return the server if it is running; starts nothing."""
    try:
        found = Running(**json.loads((folder / "server.json").read_text()))
        same = psutil.Process(found.pid).create_time() == found.started
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    return found if same and psutil.Process(found.pid).status() != psutil.STATUS_ZOMBIE else None


def stop(folder: Path) -> None:
    """Shut it down; nothing that was committed is lost."""
    found = running(folder)
    if found is None:
        return
    process = psutil.Process(found.pid)
    process.send_signal(signal.SIGTERM)
    if child := _children.pop(found.pid, None):
        child.wait(timeout=STOP_SECONDS)
    else:
        process.wait(timeout=STOP_SECONDS)
    (folder / "server.json").unlink(missing_ok=True)


def _start(folder: Path) -> Running:
    port, password = _free_port(), _password(folder)
    options = folder / "java.options"
    _write_private(options, "\n".join(_options(folder, port, password)))
    with (folder / "server.log").open("wb") as log:
        child = subprocess.Popen(  # noqa: S603 - our own command
            [_java(), f"@{options}", "-cp", f"{_package() / 'jars'}/*", SERVER],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    _children[child.pid] = child
    _wait_until_it_listens(child, port, folder)
    found = Running(child.pid, psutil.Process(child.pid).create_time(), port, password)
    _write_private(folder / "server.json", json.dumps(asdict(found)))
    return found


def _options(folder: Path, port: int, password: str) -> list[str]:
    """Java's options, in a file: everybody can read a command line, and this has the password."""
    settings = {
        "server.rootPath": folder,
        "server.databaseDirectory": folder / "databases",
        "server.rootPassword": password,
        "server.defaultDatabases": f"{DATABASE}[{USER}]",
        "server.httpIncomingHost": HOST,
        "server.httpIncomingPort": _free_port(),
        "server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
        "bolt.host": HOST,
        "bolt.port": port,
    }
    return [
        f"-Xmx{HEAP_MB}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Djava.awt.headless=true",
        "-Dfile.encoding=UTF-8",
        "--add-modules=jdk.incubator.vector",
        *(f'"-Darcadedb.{name}={_quoted(value)}"' for name, value in settings.items()),
    ]


def _quoted(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace('"', '\\"')


def _wait_until_it_listens(child: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if child.poll() is not None:
            raise GraphUnavailable(gettext(_NOT_STARTED.text) % {"path": folder / "server.log"})
        if _listens(child.pid, port):
            return
        time.sleep(0.1)
    child.kill()
    child.wait()
    raise GraphUnavailable(gettext(_NOT_READY.text) % {"seconds": START_SECONDS})


def _password(folder: Path) -> str:
    """The password, which the server keeps from its first start on."""
    path = folder / "password"
    if not path.exists():
        _write_private(path, secrets.token_urlsafe(24))
    return path.read_text()


def _write_private(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _listens(pid: int, port: int) -> bool:
    try:
        found = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in found)


def _free_port() -> int:
    """A port that nobody uses now; should somebody take it meanwhile, the server says so and ends."""
    used = {one.laddr.port for one in psutil.net_connections("tcp") if one.laddr}
    return secrets.choice([port for port in range(20_000, 32_000) if port not in used])


def _java() -> str:
    return str(_package() / "jre" / "bin" / "java")


def _package() -> Path:
    found = importlib.util.find_spec("arcadedb_embedded")  # finds it, and imports nothing
    if found is None or found.origin is None:
        raise GraphUnavailable(
            gettext(
                "NEO4J_URL is embedded, and the package arcadedb-embedded is not installed:"
                " pip install -r requirements/graph-embedded.txt"
            )
        )
    return Path(found.origin).parent
