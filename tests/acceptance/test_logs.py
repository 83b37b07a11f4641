"""The web server's log as its operator reads it: gunicorn, Django and requests through one pipe."""

import json
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from tests.acceptance.product import Product, wait_until
from tests.processes import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "canary-Zx81-secret"


@pytest.fixture
def web(tmp_path):
    """The line of the Procfile, with a process less; returns its address and its log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    [line] = [
        line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("web: ")
    ]
    command = shlex.split(line.removeprefix("web: ").replace("${PORT:-8000}", str(port)))
    command += ["--workers", "1"]
    product = Product(tmp_path, extra={"DJANGO_SECRET_KEY": SECRET, "LOG_LEVEL": "DEBUG"})
    log = tmp_path / "web.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT, env=product.environment, stdout=file, stderr=file,
        )  # fmt: skip
    assert wait_until(lambda: "Booting worker" in log.read_text(), seconds=60), log.read_text()
    yield f"http://127.0.0.1:{port}", log
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)


def test_each_line_is_json_and_each_request_is_one_of_them(web):
    address, log = web
    request = urllib.request.Request(  # noqa: S310 - see below
        f"{address}/api/nothing?token={SECRET}",
        headers={"X-Trace-ID": "e2e_test_x", "Cookie": f"sessionid={SECRET}"},
    )
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request, timeout=60)  # noqa: S310 - the address is this machine's
    with socket.create_connection(address.removeprefix("http://").split(":"), timeout=10) as wrong:
        wrong.sendall(f"GET /{SECRET} nonsense\r\n\r\n".encode())
        wrong.recv(1000)

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    by_logger = {line["logger"] for line in lines}
    assert {"gunicorn.error", "telegram_assistant.logs.access", "django.request"} <= by_logger
    traced = [line["event"] for line in lines if line.get("trace_id") == "e2e_test_x"]
    assert sorted(traced) == ["GET /api/nothing 404", "Not Found: /api/nothing"]
    assert SECRET not in log.read_text()
