"""A client is made once, also where many ask for it at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from events.outbound.made_once import made_once


class Service:
    made = 0

    @made_once
    def client(self) -> object:
        """What it talks with."""
        Service.made += 1
        return object()


def test_whoever_asks_at_once_has_the_same():
    service, together = Service(), Barrier(8)

    def ask(_: int) -> object:
        together.wait(10)
        return service.client

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == Service.made == 1


def test_each_object_has_its_own():
    assert Service().client is not Service().client


def test_what_could_not_be_made_is_tried_again():
    class Late:
        ready = False

        @made_once
        def client(self) -> str:
            if not self.ready:
                raise LookupError
            return "client"

    late = Late()
    with pytest.raises(LookupError):
        _ = late.client
    late.ready = True
    assert late.client == "client"
