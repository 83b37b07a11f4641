"""Many pictures of forty million pixels at once take no more memory than few of them."""

import io
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from events import subscriptions
from media.imaging import places
from tests.integration.paid import drain
from vision import handlers
from vision.models import PaidAnalysis, PostEnrichment

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak"),
]

SIZE = (8000, 5000)
MANY = 4
MIB = 1024**2
DECODED = 4 * SIZE[0] * SIZE[1]


def giant(number: int) -> bytes:
    dice = random.Random(number)
    picture = Image.frombytes("RGB", (8, 5), dice.randbytes(8 * 5 * 3)).resize(
        SIZE, Image.Resampling.NEAREST
    )
    body = io.BytesIO()
    picture.save(body, "JPEG", quality=60)
    return body.getvalue()


@pytest.fixture
def threads():
    """As many threads as a worker with a limit of ten requests has."""
    for name in (handlers.ANALYZE, handlers.ANALYZE_BACKFILL):
        usual = subscriptions._registry[name]
        subscriptions._registry[name] = replace(usual, threads=MANY)


def in_memory(what: str) -> int:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[what].split()[0]) * 1024


def peak_of(work) -> int:
    """By how many bytes the process grows meanwhile."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = in_memory("VmRSS")
    work()
    return in_memory("VmHWM") - before


def drain_all() -> None:
    # Those that find no place come again after some seconds: at once here.
    for _ in range(20 * MANY):
        drain(rounds=2)
        if PostEnrichment.objects.count() == MANY:
            return


@pytest.mark.costly
@pytest.mark.usefixtures("threads", "ocr")
def test_giants_are_decoded_a_few_at_a_time_and_each_is_paid_for_once(archive, preparing):
    for number in range(MANY):
        archive.post(giant(number))

    grown = peak_of(drain_all)

    assert PaidAnalysis.objects.filter(state="done").count() == MANY
    assert len(preparing.calls) == MANY
    # The pictures, and for one of them what it is converted to; and some for all the rest.
    most = (places.GIANTS * 50_000_000 // (SIZE[0] * SIZE[1]) + 1) * DECODED
    assert grown < most + 150 * MIB, f"{grown / MIB:.0f} MiB"
