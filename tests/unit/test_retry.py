import random
from datetime import timedelta

from events.retry import Backoff


def test_the_wait_doubles_with_each_failure_up_to_the_cap(chance):
    backoff = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=60))

    waits = [backoff.delay(n, chance=chance).total_seconds() for n in range(1, 9)]

    steps = [1, 2, 4, 8, 16, 32, 60, 60]
    assert all(step / 2 <= wait <= step for wait, step in zip(waits, steps, strict=True))


def test_two_workers_that_fail_together_do_not_come_back_together():
    backoff = Backoff()

    waits = {backoff.delay(3, chance=random.Random(seed)) for seed in range(20)}

    assert len(waits) == 20


def test_a_very_late_attempt_does_not_overflow(chance):
    assert Backoff().delay(10_000, chance=chance) <= timedelta(seconds=60)


def test_the_last_attempt_exhausts_it():
    assert not Backoff(max_attempts=5).exhausted(4)
    assert Backoff(max_attempts=5).exhausted(5)
