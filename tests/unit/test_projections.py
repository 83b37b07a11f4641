"""What every comparison of rows with a projection does, without rows and without a projection."""

from uuid import uuid4

import pytest

from events.projections import BATCH, Comparison, batches


def page_of(ids):
    def page(*, after, limit):
        return [one for one in ids if after is None or one > after][:limit]

    return page


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH])
def test_every_id_comes_once_and_in_order(count):
    found = list(batches(page_of(range(count)), None, start=7))

    assert [one for batch in found for one in batch] == list(range(count))
    assert all(0 < len(batch) <= BATCH for batch in found)


@pytest.mark.parametrize("most", [1, 3, BATCH, BATCH + 1])
def test_at_most_so_many_from_the_start_on(most):
    found = [one for batch in batches(page_of(range(4 * BATCH)), most, start=10) for one in batch]

    assert found == list(range(11, 11 + most))


class TestRows:
    def compare(self, projected, *, fix):
        found = Comparison("any", uuid4())
        found.compare_rows(
            [1, 2, 3, 4],
            lambda ids: (
                [one for one in ids if one not in projected],
                [one for one in ids if projected.get(one) == "old"],
            ),
            fix,
        )
        return found

    def test_missing_and_different_ones_are_counted_and_named(self):
        found = self.compare({1: "new", 2: "old", 4: "new"}, fix=None)

        assert (found.compared, found.missing, found.different, found.unresolved) == (4, 1, 1, 2)
        assert found.examples == ["missing 3", "different 2"]

    def test_only_what_is_right_afterwards_counts_as_repaired(self):
        projected = {1: "new", 2: "old"}

        found = self.compare(projected, fix=lambda ids: projected.update({3: "new", 2: "old"}))

        assert (found.missing, found.different, found.repaired, found.unresolved) == (2, 1, 1, 2)

    def test_nothing_is_projected_anew_where_all_is_right(self):
        self.compare(dict.fromkeys([1, 2, 3, 4], "new"), fix=pytest.fail)

    @pytest.mark.parametrize(("extra", "fixed"), [([], 0), ([5, 6], 2)])
    def test_what_is_extra_is_removed(self, extra, fixed):
        found, removed = Comparison("any", uuid4()), []

        found.note_extra(extra, removed.extend)

        assert (found.extra, found.repaired, removed) == (len(extra), fixed, extra)
