"""events.postgresql.keyset: pages by key, over rows of which several have the same time."""

from datetime import UTC, datetime, timedelta

import pytest

from events.models import OutboxEvent
from events.postgresql import keyset

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 21, tzinfo=UTC)
DAYS = (1, 0, 1, 2, 1, 0, 2)


def add(key: str, day: int) -> OutboxEvent:
    at = START + timedelta(days=day)
    return OutboxEvent.objects.create(
        topic="t", version="1", idempotency_key=key, payload={}, occurred_at=at, created_at=at
    )


@pytest.fixture
def rows():
    for number, day in enumerate(DAYS):
        add(str(number), day)
    return OutboxEvent.objects.filter(topic="t")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("order", [("occurred_at", "pk"), ("-occurred_at", "-pk"), ("pk",)])
def test_every_row_comes_once_and_in_order(rows, order, size):
    found = list(keyset.pages(rows, *order, size=size))

    assert [row for page in found for row in page] == list(rows.order_by(*order))
    assert all(len(page) == size for page in found[:-1])


def test_three_fields_are_compared_one_after_the_other(rows):
    order = ("occurred_at", "topic", "pk")

    found = [row for page in keyset.pages(rows, *order, size=2) for row in page]

    assert found == list(rows.order_by(*order))


@pytest.mark.parametrize("limit", [0, 1, 3, 4, 7, 100])
def test_a_limit_counts_over_all_pages(rows, limit):
    found = [row for page in keyset.pages(rows, "pk", size=3, limit=limit) for row in page]

    assert found == list(rows.order_by("pk")[:limit])


def test_the_last_page_of_a_limit_reads_no_more_rows_than_it_yields(rows):
    assert [len(page) for page in keyset.pages(rows, "pk", size=5, limit=6)] == [5, 1]


def test_rows_deleted_or_added_between_two_pages_do_not_disturb(rows):
    pages = keyset.pages(rows, "occurred_at", "pk", size=3)
    OutboxEvent.objects.filter(pk__in=[row.pk for row in next(pages)]).delete()
    add("behind", 9)
    add("before", -9)

    rest = [row.idempotency_key for page in pages for row in page]

    assert rest == ["2", "4", "3", "6", "behind"]


def test_no_rows_are_no_pages():
    assert list(keyset.pages(OutboxEvent.objects.none(), "pk", size=3)) == []


def test_each_page_seeks_by_the_first_field(rows, django_assert_num_queries):
    with django_assert_num_queries(4) as captured:
        list(keyset.pages(rows, "occurred_at", "pk", size=3))

    assert '"occurred_at" >= ' in captured[1]["sql"]
