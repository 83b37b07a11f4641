"""A rate says what it means, or is refused."""

from datetime import timedelta

import pytest

from accounts.rate_limits.rate import MOST, Rate, parse


@pytest.mark.parametrize(
    ("text", "count", "period"),
    [
        ("600/min", 600, timedelta(minutes=1)),
        (" 5/s ", 5, timedelta(seconds=1)),
        ("1/day", 1, timedelta(days=1)),
        (f"{MOST}/h", MOST, timedelta(hours=1)),
    ],
)
def test_a_rate_is_a_number_and_a_period(text, count, period):
    assert parse(text) == Rate(count, period)


@pytest.mark.parametrize("text", ["", " "])
def test_nothing_is_no_limit(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    ["0/min", "-1/min", "1.5/s", "600", "600/", "/min", "600/week", "600 / min", f"{MOST + 1}/s",
     "٦/min", "600/min600/min", "01/s", "off"],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="600/min"):
        parse(text)


@pytest.mark.parametrize("count", [1, 3, 7, 600, 7777, MOST])
@pytest.mark.parametrize("period", ["s", "min", "h", "day"])
def test_the_microseconds_that_do_not_divide_neither_add_nor_take_a_request(count, period):
    rate = parse(f"{count}/{period}")

    assert rate.capacity // rate.interval == count
    assert abs(rate.capacity - rate.period) <= count * timedelta(microseconds=1)
