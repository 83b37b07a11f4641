"""Reading ahead of an import: the same items in the same order, and nothing left behind."""

import threading

import pytest

from media.services.pipeline.read_ahead import read_ahead


def test_every_item_comes_in_its_order_none_of_them_twice():
    assert list(read_ahead(n for n in range(100))) == list(range(100))
    assert list(read_ahead(n for n in [None, 0, ""])) == [None, 0, ""]
    assert list(read_ahead(n for n in [])) == []


def test_the_next_item_is_made_while_the_caller_has_one():
    made = threading.Event()

    def items():
        yield 1
        made.set()
        yield 2

    ahead = read_ahead(items())
    assert next(ahead) == 1
    assert made.wait(10), "nothing was read ahead"
    assert list(ahead) == [2]


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise ValueError("broken off")

    ahead = read_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="broken off"):
        next(ahead)


def test_a_reader_that_stops_closes_the_source_and_leaves_no_thread():
    closed = threading.Event()

    def items():
        try:
            yield from range(1000)
        finally:
            closed.set()

    ahead = read_ahead(items())
    next(ahead)
    ahead.close()

    assert closed.is_set()
    assert not [t for t in threading.enumerate() if t.name.startswith("read")]
