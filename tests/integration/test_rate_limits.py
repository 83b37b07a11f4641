"""The limiter: exactly as many pass as a rate says, whoever races and whatever the clock does."""

import threading
from datetime import UTC, datetime, timedelta
from subprocess import PIPE

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import tasks
from accounts.models import RateLimit
from accounts.rate_limits.limiter import prune, take
from accounts.rate_limits.rate import parse
from tests.concurrency import in_threads
from tests.processes import SetUpPython

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NOT_YET = timedelta(microseconds=1)


def passed(key, rate, times, *, now=NOW):
    """How many of so many requests at one moment pass."""
    return sum(take(key, rate, now=now) is None for _ in range(times))


@pytest.mark.django_db
class TestOneAfterTheOther:
    @pytest.mark.parametrize("written", ["1/s", "3/min", "7/min", "600/min", "7/day"])
    def test_as_many_pass_at_once_as_the_rate_says(self, written):
        rate = parse(written)

        assert passed("ann", rate, rate.count + 3) == rate.count
        assert passed("bob", rate, 1) == 1  # everybody has a rate of his own

    @pytest.mark.parametrize("written", ["1/s", "3/min", "7/h"])
    def test_whoever_waits_as_long_as_he_is_told_passes_and_no_sooner(self, written):
        rate = parse(written)
        passed("ann", rate, rate.count)

        wait = take("ann", rate, now=NOW)

        assert take("ann", rate, now=NOW + wait - NOT_YET) is not None
        assert take("ann", rate, now=NOW + wait) is None
        assert take("ann", rate, now=NOW + wait) is not None

    def test_over_a_long_time_it_is_the_rate_whatever_is_refused_meanwhile(self):
        rate = parse("60/min")
        moments = [NOW + n * SECOND / 4 for n in range(4 * 120)]  # four times too often

        count = sum(take("ann", rate, now=moment) is None for moment in moments)

        assert count == 60 + 119

    def test_refused_requests_use_nothing(self):
        rate = parse("1/min")
        take("ann", rate, now=NOW)

        for second in range(60):
            assert take("ann", rate, now=NOW + second * SECOND) is not None

        assert take("ann", rate, now=NOW + 60 * SECOND) is None

    def test_a_clock_that_is_set_back_locks_nobody_out(self):
        rate = parse("3/min")
        passed("ann", rate, 3)

        assert passed("ann", rate, 5, now=NOW - timedelta(hours=1)) == 3

    @pytest.mark.parametrize("behind", [NOT_YET, SECOND, 59 * SECOND])
    def test_who_waited_for_the_row_and_is_a_little_behind_gets_nothing_twice(self, behind):
        rate = parse("3/s")
        passed("ann", rate, 3)

        assert passed("ann", rate, 5, now=NOW - behind) == 0

    def test_a_rate_that_is_made_smaller_or_shorter_holds_at_once(self):
        passed("ann", parse("5/h"), 5)

        assert passed("ann", parse("2/min"), 5) == 2
        assert passed("bob", parse("600/min"), 600) == 600
        assert passed("bob", parse("2/min"), 5) == 0

    def test_the_clock_is_the_databases_unless_one_is_given(self):
        take("ann", parse("1/min"))

        ahead = RateLimit.objects.get().used_until - datetime.now(UTC)
        assert timedelta(seconds=50) < ahead <= timedelta(minutes=1)

    def test_a_request_that_passes_is_one_statement(self):
        with CaptureQueriesContext(connection) as queries:
            take("ann", parse("1/min"))
            take("bob", parse("1/min"))

        assert len(queries) == 2

    def test_rows_that_say_nothing_any_more_are_deleted(self):
        passed("ann", parse("1/min"), 1)
        passed("bob", parse("1/h"), 1)

        assert prune(now=NOW + timedelta(minutes=1)) == 1

        assert [row.key for row in RateLimit.objects.all()] == ["bob"]
        assert tasks.prune_rate_limits() in {"0 rate limits deleted", "1 rate limits deleted"}

    def test_no_request_waits_for_the_disk(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT relpersistence FROM pg_class WHERE relname = 'accounts_rate_limit'"
            )
            assert cursor.fetchone() == ("u",)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_of_any_number_at_once_exactly_as_many_pass_as_are_left(self):
        rate, results = parse("7/h"), []
        take("ann", rate)

        def ask():
            results.extend([take("ann", rate) for _ in range(4)])

        in_threads(*[ask] * 8)

        assert len(results) == 32
        assert results.count(None) == 6

    def test_two_processes_at_the_limit_share_it(self):
        code = (
            "import sys, django; django.setup()\n"
            "from django.db import connections\n"
            "from accounts.rate_limits.limiter import take\n"
            "from accounts.rate_limits.rate import parse\n"
            "connections.settings['default']['NAME'] = sys.argv[1]\n"
            "take('warm', parse('1/h')); print('ready', flush=True); sys.stdin.readline()\n"
            "print(sum(take('ann', parse('25/h')) is None for _ in range(20)))\n"
        )
        name = connection.settings_dict["NAME"]
        both = [SetUpPython("-c", code, name, stdin=PIPE, stdout=PIPE, text=True) for _ in range(2)]

        assert [one.stdout.readline() for one in both] == ["ready\n"] * 2
        for one in both:
            one.stdin.write("go\n")
            one.stdin.flush()
        counts = [int(one.communicate()[0]) for one in both]

        assert sum(counts) == 25
        assert min(counts) >= 5

    def test_rows_that_are_deleted_meanwhile_give_nothing_twice(self):
        rate, results, over = parse("5/h"), [], threading.Event()

        def ask():
            results.extend([take("ann", rate) for _ in range(20)])
            over.set()

        def delete():
            while not over.is_set():
                prune(now=datetime.now(UTC))

        in_threads(ask, ask, delete)

        assert results.count(None) == 5
