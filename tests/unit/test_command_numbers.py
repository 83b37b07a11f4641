"""Limits, days and other numbers on the command line: none is nonsense that is taken for a number."""

from argparse import ArgumentTypeError

import pytest
from django.core.management import CommandError, load_command_class
from django.utils.translation import override

from events.management.numbers import amount, count

COUNTS = [
    ("graph", "graph", ["channels"], "--limit"),
    ("media", "import_export", ["folder"], "--limit"),
    ("media", "ingest_channel", ["@name"], "--limit"),
    ("media", "growth", [], "--limit"),
    ("search", "search", ["words"], "--limit"),
    ("events", "events", ["list"], "--limit"),
    ("crawl", "crawl", [], "--limit"),
    ("vision", "reanalyze", [], "--limit"),
    ("albums", "diag_albums", ["stuck"], "--limit"),
    ("storage_quota", "diag_s3", ["list"], "--limit"),
    ("accounts", "audit", [], "--limit"),
    ("accounts", "audit", [], "--before"),
    ("accounts", "api_token", ["create", "--user", "x"], "--days"),
]
AMOUNTS = [
    ("events", "drain", [], "--max-wait"),
    ("events", "events", ["prune"], "--older-than-days"),
    ("albums", "diag_albums", ["stuck"], "--minutes"),
    ("telegram_assistant", "e2e_vision", [], "--seconds"),
]


def parsed(room, name, first, *options):
    parser = load_command_class(room, name).create_parser("manage.py", name)
    parser.called_from_command_line = False
    return parser.parse_args([*first, *options])


@pytest.mark.parametrize(("room", "name", "first", "option"), COUNTS)
def test_what_counts_is_a_whole_number_from_1_on(room, name, first, option):
    for value in ("-1", "0", "1.5", "ten", "٣", "9" * 5000):
        with override("en"), pytest.raises(CommandError, match=f"{option}: a number from 1 to"):
            parsed(room, name, first, option, value)


@pytest.mark.parametrize(("room", "name", "first", "option"), AMOUNTS)
def test_an_amount_is_not_negative_and_finite(room, name, first, option):
    for value in ("-1", "nan", "inf", "1e300", "ten"):
        with override("en"), pytest.raises(CommandError, match=f"{option}: a number from 0 on"):
            parsed(room, name, first, option, value)


@pytest.mark.parametrize(
    ("room", "name", "first", "option"),
    [
        ("events", "events", ["prune"], "--older-than-days"),
        ("storage_quota", "emergency_s3_cleanup", ["crawl"], "--max-age-days"),
        ("accounts", "api_token", ["create", "--user", "x"], "--days"),
    ],
)
def test_days_are_no_more_than_a_calendar_has(room, name, first, option):
    for value in ("900000", "99999999999"):
        with override("en"), pytest.raises(CommandError, match=option):
            parsed(room, name, first, option, value)


def test_a_time_ago_is_not_in_the_future():
    with pytest.raises(CommandError, match="--since"):
        parsed("accounts", "audit", [], "--since=-7d")


def test_what_is_right_is_taken():
    assert (count(5)("5"), amount("0.5"), amount("0")) == (5, 0.5, 0)
    with pytest.raises(ArgumentTypeError, match="5"):
        count(5)("6")
