"""
Starts interpreters for the tests as forks of one that has imported the libraries already.

`python -m tests.fork_server` answers requests on the socket that is its standard input, until the
other end is closed. What reads settings or the environment at its import is left to the forks: all
of our own code, and libraries that ask Django or decide at their import. Not so with `--set-up`:
then Django is set up as well, with this environment, and the rooms are connected as in a worker.
`tests.processes` is the other side.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType

LIBRARIES = """
    django.core.management django.db.models django.db.backends.postgresql.base django.contrib.admin
    django.forms django.contrib.postgres.search django_stubs_ext psycopg psycopg.types.json
    boto3 botocore.client botocore.session storages.backends.s3
    gigachat gigachat.models httpx pydantic pydantic_settings pytesseract PIL.Image PIL.ImageOps
    pillow_heif yaml tqdm structlog filetype pymediainfo psutil fasteners whitenoise.middleware
    imagehash wsgiref.simple_server concurrent.futures multiprocessing.connection
""".split()  # noqa: SIM905 - forty quoted names are not read by anybody
LONGEST_REQUEST = 2**20
"""Bytes: arguments and an environment."""


def prepare() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    settings = importlib.import_module("django.conf").settings
    assert not settings.configured, "a library has read the settings"
    assert "prometheus_client" not in sys.modules, "it has chosen a folder for its counts"
    assert len([*Path("/proc/self/task").iterdir()]) == 1, "a library has started a thread"
    gc.collect()
    gc.freeze()


def set_up() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read once, by numpy; the forks have their own
    importlib.import_module("django").setup()
    importlib.import_module("events.rooms").connect_all()
    connection = importlib.import_module("django.db").connection
    assert connection.connection is None, "forks would share it"
    assert len([*Path("/proc/self/task").iterdir()]) == 1, "no thread goes on in a fork"
    gc.collect()
    gc.freeze()


def standard_input() -> socket.socket:
    """The socket that is there, at a place of its own: each fork gets another standard input."""
    given = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return given


def serve(requests: socket.socket) -> dict:
    """Fork for each request; returns the request only in the fork, which is to fulfil it."""
    read, write = os.pipe()
    for end in (read, write):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    codes: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests, read], [], [])
        if read in ready:
            os.read(read, 65536)
            codes |= ended()
        if requests not in ready:
            continue
        message, files, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 3)
        if not message:
            os._exit(0)
        request = json.loads(message)
        if "ended" in request:
            codes |= ended()
            answer = {"code": codes.pop(request["ended"], None)}
        elif pid := os.fork():
            answer = {"pid": pid}
        else:
            become_another(request, files, [requests.detach(), read, write])
            return request
        for file in files:
            os.close(file)
        requests.send(json.dumps(answer).encode())


def ended() -> dict[int, int]:
    """Collect the exit codes of the forks that have ended."""
    codes = {}
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            codes[found[0]] = os.waitstatus_to_exitcode(found[1])
    return codes


def become_another(request: dict, standard: list[int], ours: list[int]) -> None:
    """Take the place of an interpreter that was started as the request says."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if request["session"]:
        os.setsid()
    for number, file in enumerate(standard):
        os.dup2(file, number)
    for file in [*standard, *ours]:
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])


def run(what: str, *arguments: str) -> None:
    """Do what the interpreter does with these arguments: `-m NAME`, `-c CODE` or a path."""
    if what == "-m":
        name, *rest = arguments
        sys.argv = [name, *rest]
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    elif what == "-c":
        code, *rest = arguments
        sys.argv = ["-c", *rest]
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), main.__dict__)  # noqa: S102 - as `python -c` does
    else:
        sys.argv = [what, *arguments]
        runpy.run_path(what, run_name="__main__")


if __name__ == "__main__":
    prepare()
    if sys.argv[1:] == ["--set-up"]:
        set_up()
    asked = serve(standard_input())
    run(*asked["arguments"])
