"""A channel that a query names by its id: the id has more digits in some channels than in others."""

import pytest

from media.models import Channel
from search.query.parsed import ChannelBy, ChannelReference
from search.services.named_channels import is_channel


def is_meant(marked: int, value: str) -> bool:
    return is_channel(Channel(tg_channel_id=marked), ChannelReference(ChannelBy.ID, value))


@pytest.mark.parametrize(
    "bare",
    [
        3,
        999,
        1_234_567,
        123_456_789,
        1_234_567_890,
        1_001_234_567,
        123_456_789_012,
        997_852_516_351,
    ],
)
def test_by_its_id_with_and_without_mark_and_minus(bare):
    marked = -(10**12) - bare

    for value in (str(bare), str(marked), str(-marked)):
        assert is_meant(marked, value), value
    assert not is_meant(marked, str(bare + 1))


def test_an_id_that_only_ends_like_another_is_another():
    assert not is_meant(-1_000_123_456_789, "0")
    assert not is_meant(-1_001_234_567_890, "234567890")
    assert not is_meant(-(10**12) - 1_001_234_567, "1234567")
    assert not is_meant(-(10**12) - 100_500, "500")


def test_a_small_group_has_no_mark():
    assert is_meant(-4_321_098, "4321098")
    assert is_meant(-4_321_098, "-4321098")
    assert not is_meant(-100_500, "500")
