"""Reading ahead of an import: the same items in the same order, and nothing left behind."""

import threading

import pytest

from media.services.pipeline.read_ahead import ReadAhead


def ahead_of(items):
    return ReadAhead(item for item in items)


def test_every_item_comes_in_its_order_none_of_them_twice():
    assert list(ahead_of(range(100))) == list(range(100))
    assert list(ahead_of([None, 0, ""])) == [None, 0, ""]
    assert list(ahead_of([])) == []


def test_to_begin_often_changes_nothing():
    ahead, seen = ahead_of(range(5)), []
    for item in ahead:
        seen.append(item)
        ahead.begin()
        ahead.begin()
    assert seen == list(range(5))


def test_the_next_item_is_made_while_the_caller_waits_and_not_before():
    made = threading.Event()

    def items():
        yield 1
        made.set()
        yield 2

    ahead = ReadAhead(items())
    assert next(ahead) == 1
    assert not made.wait(0.2), "it was made while the caller computes"
    ahead.begin()
    assert made.wait(10), "nothing was read ahead"
    assert list(ahead) == [2]


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise ValueError("broken off")

    ahead = ReadAhead(items())
    assert next(ahead) == 1
    ahead.begin()
    with pytest.raises(ValueError, match="broken off"):
        next(ahead)


@pytest.mark.parametrize("begun", [False, True])
def test_a_reader_that_stops_closes_the_source_and_leaves_no_thread(begun):
    closed = threading.Event()

    def items():
        try:
            yield from range(1000)
        finally:
            closed.set()

    ahead = ReadAhead(items())
    next(ahead)
    if begun:
        ahead.begin()
    ahead.close()

    assert closed.is_set()
    assert not [t for t in threading.enumerate() if t.name.startswith("read")]
