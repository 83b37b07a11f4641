"""
Interpreters that tests start: half a second each for imports is saved by `tests.fork_server`.

`Python(...)` is `subprocess.Popen([sys.executable, ...])` in all that a test can see: a process
with its own arguments, environment, folder, session, exit code and standard files. Only its parent
is the server, and the libraries are there when it begins. A test that is about the start itself
uses `subprocess`.
"""

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class Python(subprocess.Popen):
    """`python ARGUMENTS`; pipes, waiting and signals are those of `subprocess.Popen`."""

    def __init__(self, *arguments: object, **how: Any) -> None:
        self._server = self._of(how.get("env"))
        self._pidfd = -1
        super().__init__([sys.executable, *map(str, arguments)], **{"cwd": ROOT} | how)

    def _of(self, _env: Mapping[str, str] | None) -> "_Server":
        return _server()

    def __del__(self, *_: Any) -> None:
        """Nothing is left to do: the server waits for the process."""
        if self._pidfd >= 0:
            os.close(self._pidfd)

    def _execute_child(self, args, _executable, _preexec, _close, _pass, cwd, env, *rest) -> None:
        _startupinfo, _flags, _shell, *pipes = rest[:9]
        standard = (pipes[0], pipes[3], pipes[5])  # -1 where it is that of this process
        files = [default if end == -1 else end for default, end in enumerate(standard)]
        request = {
            "arguments": args[1:],
            "environment": dict(os.environ if env is None else env),
            "folder": str(cwd),
            "session": rest[-2],
        }
        self.pid = self._server.ask(request, files)["pid"]
        self._child_created = True
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self._pidfd = -1  # it has ended already
        self._close_pipe_fds(*pipes)

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None:
            self.returncode = self._server.ask({"ended": self.pid})["code"]
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self.returncode is None and self._pidfd >= 0:
            ready = select.poll()
            ready.register(self._pidfd, select.POLLIN)
            if not ready.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(self.args, timeout)
        while self._internal_poll() is None:  # the server is a moment later
            time.sleep(0.001)
        return self.returncode


class SetUpPython(Python):
    """
    Several of them with one environment: Django is set up once, and each is a fork of that.

    For workers whose life and end is what a test is about; at their `django.setup()` nothing is left
    to do, so settings are changed for them behind it, not before. The rooms are connected, too.
    """

    def _of(self, env: Mapping[str, str] | None) -> "_Server":
        whole = dict(os.environ if env is None else env)
        whole.pop("PYTEST_CURRENT_TEST", None)
        return _set_up_server(frozenset(whole.items()))


def run_python(*arguments: object, **how: Any) -> "subprocess.CompletedProcess[str]":
    """Run it to its end; returns what it printed as text."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with Python(*arguments, **pipes | how) as process:
        stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


class _Server:
    """The process that forks; `start` starts it with a socket as its standard input."""

    def __init__(self, start: Callable[[socket.socket], "subprocess.Popen[bytes]"]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._guard = threading.Lock()
        self._process = start(theirs)
        theirs.close()
        atexit.register(self._end)

    def ask(self, request: dict[str, Any], files: list[int] | None = None) -> dict[str, Any]:
        with self._guard:
            socket.send_fds(self._socket, [json.dumps(request).encode()], files or [])
            answer = self._socket.recv(1000)
        assert answer, "the fork server is gone"
        return json.loads(answer)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def _server() -> _Server:
    # One thread, so that it can be forked: numpy would start one for each core.
    how = {"cwd": ROOT, "env": os.environ | {"OPENBLAS_NUM_THREADS": "1"}}
    command = [sys.executable, "-m", "tests.fork_server"]
    return _Server(lambda end: subprocess.Popen(command, stdin=end, start_new_session=True, **how))


@cache
def _set_up_server(environment: frozenset[tuple[str, str]]) -> _Server:
    command = ["-m", "tests.fork_server", "--set-up"]
    how = {"env": dict(environment), "start_new_session": True}
    return _Server(lambda end: Python(*command, stdin=end, **how))
