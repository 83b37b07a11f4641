"""No picture waits for that of another one to be fetched or decoded."""

import threading

import pytest

from media.services.telegram.reading.small_files import _Small
from vision.duplicates import pixel_match
from vision.services import ocr


@pytest.mark.parametrize(
    ("patched", "make", "read"),
    [
        ((pixel_match, "open_upright"), lambda: pixel_match.Original(b""), "upright"),
        ((ocr, "get_store"), lambda: ocr.StoredImage("key"), "body"),
    ],
)
def test_two_threads_do_it_at_once(monkeypatch, patched, make, read):
    both = threading.Barrier(2)

    def meet(*_, **__):
        both.wait(10)
        raise LookupError("met")

    monkeypatch.setattr(*patched, meet)

    def met():
        with pytest.raises(LookupError, match="met"):
            getattr(make(), read)

    other = threading.Thread(target=met)
    other.start()
    met()
    other.join()


def test_a_file_that_has_come_does_not_wait_for_one_that_has_not():
    from concurrent.futures import Future  # noqa: PLC0415

    coming, come = Future(), Future()
    come.set_result(b"file")
    waits = threading.Thread(target=lambda: _Small(1, coming).content)
    waits.start()
    found = []
    reads = threading.Thread(target=lambda: found.append(_Small(4, come).content[0]))
    reads.start()
    reads.join(10)
    coming.set_result(b"")
    waits.join()
    assert found == [b"file"]
