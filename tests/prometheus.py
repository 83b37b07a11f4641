"""A real Prometheus (Debian's package), which scrapes what a test names every second."""

import json
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from tests.acceptance.product import wait_until
from tests.processes import ROOT

ALERTS = ROOT / "docker" / "prometheus" / "alerts.yml"


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`; where it is not installed, the test is skipped."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"SKIPPED LOUDLY: {name} is not installed: apt-get install prometheus")
    return found


@dataclass(frozen=True)
class Prometheus:
    address: str
    log: Path

    def ask(self, path: str, **parameters: str) -> Any:
        url = f"{self.address}/api/v1/{path}?{urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own
            return json.load(answer)["data"]

    def query(self, promql: str) -> list[tuple[dict[str, str], float]]:
        return [
            (one["metric"], float(one["value"][1]))
            for one in self.ask("query", query=promql)["result"]
        ]

    def value(self, promql: str) -> float:
        """The one value of the query; NaN where there is none."""
        found = self.query(promql)
        return found[0][1] if len(found) == 1 else float("nan")

    def names(self) -> set[str]:
        return set(self.ask("label/__name__/values"))

    def targets(self) -> list[dict[str, Any]]:
        return list(self.ask("targets")["activeTargets"])

    def refused(self) -> float:
        """Samples of all scrapes that it could not take as they came."""
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=10) as answer:  # noqa: S310
            lines = answer.read().decode().splitlines()
        kinds = ("duplicate_timestamp", "out_of_bounds", "out_of_order")
        names = tuple(f"prometheus_target_scrapes_sample_{kind}_total" for kind in kinds)
        return sum(float(line.split()[1]) for line in lines if line.startswith(names))


@contextmanager
def running(
    folder: Path, targets: Mapping[str, int], *, port: int, token: str
) -> Iterator[Prometheus]:
    """Scrape these ports of this machine, by job, until the block ends."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [
            {
                "job_name": job,
                "authorization": {"credentials": token},
                "static_configs": [{"targets": [f"127.0.0.1:{number}"]}],
            }
            for job, number in targets.items()
        ],
    }
    path, log = folder / "prometheus.yml", folder / "prometheus.log"
    path.write_text(yaml.safe_dump(config))
    command = [
        program("prometheus"), f"--config.file={path}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage",
    ]  # fmt: skip
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    prometheus = Prometheus(f"http://127.0.0.1:{port}", log)
    try:
        assert wait_until(lambda: _is_ready(prometheus), seconds=60), log.read_text()
        yield prometheus
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _is_ready(prometheus: Prometheus) -> bool:
    try:
        urllib.request.urlopen(f"{prometheus.address}/-/ready", timeout=5).close()  # noqa: S310
    except OSError:
        return False
    return True
