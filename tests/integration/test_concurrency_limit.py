"""The places of the concurrency limit: all for one tenant, a fair share for several."""

import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest

from tests.concurrency import in_threads, together
from vision.limits.concurrency import LimitReached, TenantShare, acquire

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = 10


class Load:
    """Callers of several tenants that want places again and again; counts who holds them."""

    def __init__(self) -> None:
        self.held, self.most = Counter(), 0
        self.area = Counter()
        self._guard, self._since, self._from = threading.Lock(), time.monotonic(), 0.0
        self._began = self._since

    def caller(
        self, tenant: str, *, begins: float, ends: float, seconds: float, most: int = PLACES
    ):
        of = TenantShare(tenant, 3, most)

        def work():
            time.sleep(begins)
            while time.monotonic() < self._began + ends:
                with suppress(LimitReached):
                    patience = timedelta(seconds=self._began + ends - time.monotonic() + 0.1)
                    with acquire("places", limit=PLACES, of=of, patience=patience):
                        self._change(tenant, +1)
                        time.sleep(seconds)
                        self._change(tenant, -1)

        return work

    def count_from(self, seconds: float) -> None:
        self._from = self._began + seconds

    def mean(self, tenant: str, *, until: float) -> float:
        return self.area[tenant] / (self._began + until - self._from)

    def _change(self, tenant: str, change: int) -> None:
        now = time.monotonic()
        with self._guard:
            length = now - max(self._since, self._from)
            if length > 0:
                for name, count in self.held.items():
                    self.area[name] += count * length
            self._since = now
            self.held[tenant] += change
            self.most = max(self.most, self.held.total())


@pytest.mark.parametrize(("long", "short"), [(0.3, 0.3), (0.6, 0.15)])
def test_each_of_three_tenants_has_at_least_three_places_however_long_calls_take(long, short):
    load = Load()
    load.count_from(1.5)

    in_threads(
        *[load.caller("a", begins=0, ends=6, seconds=long)] * 20,
        *[load.caller("b", begins=0.6, ends=6, seconds=short)] * 6,
        *[load.caller("c", begins=0.6, ends=6, seconds=short)] * 6,
    )

    shares = {name: load.mean(name, until=6) for name in "abc"}
    assert load.most == PLACES
    assert min(shares.values()) > 2.4, shares
    assert sum(shares.values()) > 8.5, shares


def test_one_tenant_has_all_places_and_no_more():
    load = Load()
    load.count_from(0.5)

    in_threads(*[load.caller("a", begins=0, ends=2.5, seconds=0.3)] * 20)

    assert load.most == PLACES
    assert load.mean("a", until=2.5) > 9


def test_a_tenant_with_a_limit_of_its_own_leaves_the_rest_to_others():
    load = Load()
    load.count_from(0.5)

    in_threads(
        *[load.caller("a", begins=0, ends=2.5, seconds=0.3, most=2)] * 6,
        *[load.caller("b", begins=0, ends=2.5, seconds=0.3)] * 14,
    )

    assert load.most == PLACES
    assert 1.5 < load.mean("a", until=2.5) < 2.5
    assert load.mean("b", until=2.5) > 7


def test_who_waits_too_long_is_told_so_and_leaves_nothing_behind():
    of = TenantShare("a", 3, 1)

    def hold():
        with acquire("places", limit=1, of=of):
            time.sleep(0.5)

    def give_up():
        time.sleep(0.1)
        with acquire("places", limit=1, of=of, patience=timedelta(seconds=0.1)):
            pass

    raised = together(hold, give_up)

    assert [type(error) for error in raised] == [LimitReached]
    assert together(hold) == []
