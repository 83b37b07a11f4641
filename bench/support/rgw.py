"""A real S3 server for a bench: `shared/tools/rgw`, which makes one of Ceph's packages."""

import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from telegram_assistant.config import S3

TOOL = Path(__file__).resolve().parents[3] / "shared" / "tools" / "rgw"
MONITOR_OFFSET = 5820
"""The tool's monitor listens on the gateway's port plus this."""
_EXPORTED = re.compile(r"(S3_\w+)=(\S+)")


def absence() -> str:
    """Why there is no server to be had; empty where there is."""
    if not TOOL.is_file():
        return f"{TOOL} is not there"
    return "" if os.geteuid() == 0 else f"{TOOL} needs root"


@contextmanager
def server(bucket: str) -> Iterator[S3]:
    """Start the server; the settings by which the product reaches it, with a bucket's name."""
    with tempfile.TemporaryDirectory(prefix="bench_rgw_", ignore_cleanup_errors=True) as folder:
        environment = os.environ | {"PORT": str(_free_port())}
        try:
            started = subprocess.run(
                [TOOL, "start", folder],
                env=environment,
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            )
            found = dict(_EXPORTED.findall(started.stdout))
            yield S3(
                _env_file=None,
                endpoint_url=found["S3_ENDPOINT_URL"],
                region=found["S3_REGION"],
                access_key_id=found["S3_ACCESS_KEY_ID"],
                secret_access_key=SecretStr(found["S3_SECRET_ACCESS_KEY"]),
                bucket_name=bucket,
            )
        finally:
            subprocess.run([TOOL, "stop", folder], env=environment, check=False)


def _free_port() -> int:
    """A port that is free together with the monitor's."""
    while True:
        with socket.socket() as gateway, socket.socket() as monitor:
            gateway.bind(("127.0.0.1", 0))
            port: int = gateway.getsockname()[1]
            try:
                monitor.bind(("127.0.0.1", port + MONITOR_OFFSET))
            except (OSError, OverflowError):
                continue
            return port
