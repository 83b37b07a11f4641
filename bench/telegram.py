"""
`python -m bench.telegram`: downloads of a history of 200 photos, against bare Telethon.

Needs an MTProto server (`tests/telegram_server.py` says which variables name it). In turns, each
side in a process of its own, the same photos are downloaded by Telethon's `download_media` with the
same number at a time, and read by the product into an archive that is empty each time: messages,
files, hashes, rows, bucket. The figure is the product's photos a second over Telethon's, the median
of the pairs of neighbors: with the server on this machine, where both share its cores with it, and
over a line that answers as late as Telegram does. Beside it stands whose CPU the turns took: where
that of the server and of a side fill the cores, the processor is what is measured, not the waiting.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psutil

from bench.support import database

database.setup()

from PIL import Image  # noqa: E402 - after django.setup()

from bench.support import report  # noqa: E402
from bench.support.slow_line import slow_line  # noqa: E402
from bench.support.turns import in_turn  # noqa: E402
from tests.telegram_server import NAMES, RealWorld, real_endpoint, signed_in  # noqa: E402

PHOTOS = 200
ROUNDS = 5
NEAR = "photos a second, product over bare download_media"
FAR = "the same over a line of 60 ms"
ONE_WAY_SECONDS = 0.03


def main() -> int:
    if missing := [name for name in NAMES if not os.environ.get(name)]:
        why = f"no MTProto server: set {', '.join(missing)}"
        skipped = [report.Figure(name, at_least=0.8, skipped=why) for name in (NEAR, FAR)]
        return report.close(skipped)
    endpoint = real_endpoint()
    server = endpoint.server
    assert server
    session = signed_in(endpoint)
    world = RealWorld(endpoint, session)
    turn = {"session": session, "reference": world.reference}
    try:
        turn["ids"] = [world.file(_photo(number)) for number in range(PHOTOS)]
        listens = _listening(server.port)
        with _side("bare", listens) as bare, _side("product", listens) as product:
            near = _compare(NEAR, bare, product, turn | {"port": server.port})
            with slow_line(server.host, server.port, seconds=ONE_WAY_SECONDS) as port:
                far = _compare(FAR, bare, product, turn | {"port": port})
    finally:
        world.close()
    return report.close([*near, *far])


@dataclass
class Side:
    """One of the two processes; `cpu` of its turns: its own, and that of the server meanwhile."""

    process: "subprocess.Popen[str]"
    server: psutil.Process | None
    cpu: list[tuple[float, float]] = field(default_factory=list)

    def take(self, turn: dict[str, Any]) -> float:
        """Take a turn; return its seconds."""
        assert self.process.stdin
        before = _cpu_of(self.server)
        print(json.dumps(turn), file=self.process.stdin, flush=True)
        took = self.read()
        self.cpu.append((took["cpu"], _cpu_of(self.server) - before))
        return float(took["seconds"])

    def read(self) -> dict[str, Any]:
        assert self.process.stdout
        if not (line := self.process.stdout.readline()):
            raise SystemExit(f"a side of the bench ended: {self.process.wait()}")
        return dict(json.loads(line))


@contextmanager
def _side(name: str, server: psutil.Process | None) -> Iterator[Side]:
    command = [sys.executable, "-m", "bench.support.telegram_sides", name]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        side = Side(process, server)
        side.read()
        yield side
        assert process.stdin
        process.stdin.close()


def _compare(name: str, bare: Side, product: Side, turn: dict[str, Any]) -> list[report.Figure]:
    for side in (bare, product):  # what is loaded once is no figure
        side.take(turn)
        side.cpu.clear()
    turns = in_turn(lambda: bare.take(turn), lambda: product.take(turn), rounds=ROUNDS)
    figures = [report.Figure(name, turns.ratio, at_least=0.8)]
    for said, side, seconds in zip(
        ("bare download_media", "product"), (bare, product), turns.seconds, strict=True
    ):
        own, of_server = (median(found) for found in zip(*side.cpu, strict=True))
        figures += [
            report.Figure(said, PHOTOS / seconds, unit="/s"),
            report.Figure(f"{said}: its CPU, of a core", own / seconds),
            report.Figure(f"{said}: the server's CPU, of a core", of_server / seconds),
        ]
    return figures


def _listening(port: int) -> psutil.Process | None:
    """The process that serves the port, where it is on this machine and may be looked at."""
    for found in psutil.net_connections("tcp"):
        if found.status == psutil.CONN_LISTEN and found.laddr.port == port and found.pid:
            return psutil.Process(found.pid)
    return None


def _cpu_of(process: psutil.Process | None) -> float:
    """CPU seconds of the process so far; 0 where there is none to look at."""
    times = process.cpu_times() if process else None
    return times.user + times.system if times else 0.0


def _photo(number: int) -> io.BytesIO:
    """
    A photo of some 85 KB, as large as those of real channels.

    Of the 30 in the export of `../shared/data/telegram/ru_assembled` the mean is 92 KB. The server keeps
    sizes of 320, 800 and 1280 pixels: of a photo of 640 it would serve the preview of 320 alone.
    """
    file = io.BytesIO()
    noise = Image.effect_noise((160, 120), 20 + number % 90)
    noise.resize((800, 600)).save(file, "JPEG")
    file.seek(0)
    file.name = f"{number}.jpg"
    return file


if __name__ == "__main__":
    sys.exit(main())
