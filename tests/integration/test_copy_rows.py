"""Rows that are copied in bulk: the same rows as one by one, also where some of them exist."""

from datetime import timedelta

import pytest
from django.db import transaction

from events import outbox
from events.models import OutboxEvent
from events.outbox.rows import COPY_FROM
from events.postgresql import copy_rows
from events.schemas import DeadLetterEventV1
from media.models import MediaObject
from storage_quota.models import ContentType, Purpose, Reservation
from tests import factories as make

pytestmark = pytest.mark.django_db


def letter(number: int, details: str = "") -> DeadLetterEventV1:
    return DeadLetterEventV1(
        tenant_id="t",
        idempotency_key=f"key {number}",
        base_event_type="posts.parsed",
        base_event_id=number,
        delivery_id=number,
        subscriber="somebody",
        error_code="code",
        error_details=details,
        retry_count=0,
        first_seen_at=make.NOW,
        last_seen_at=make.NOW,
    )


def publish(*events) -> int:
    with transaction.atomic():
        return outbox.publish_many(events)


def test_an_event_that_exists_is_left_out_of_many_and_the_others_are_published():
    publish(letter(7, "the first"))
    many = [letter(n, 'tab\t, "quote", \\ and\nline') for n in range(COPY_FROM + 1)]

    assert publish(*many) == COPY_FROM
    assert publish(*many) == 0
    assert OutboxEvent.objects.count() == COPY_FROM + 1
    assert OutboxEvent.objects.get(idempotency_key="key 7").payload["error_details"] == "the first"
    assert OutboxEvent.objects.get(idempotency_key="key 8").payload == many[8].model_dump(
        mode="json"
    )


def test_of_two_events_with_one_key_among_many_the_first_counts():
    many = [letter(n % COPY_FROM, str(n)) for n in range(COPY_FROM + 1)]

    assert publish(*many) == COPY_FROM
    assert OutboxEvent.objects.get(idempotency_key="key 0").payload["error_details"] == "0"


def test_an_event_published_alone_after_many_has_an_id_of_its_own():
    publish(*[letter(n) for n in range(COPY_FROM)])
    publish(letter(COPY_FROM))

    assert OutboxEvent.objects.count() == COPY_FROM + 1


def test_a_row_that_exists_is_left_as_it_is_and_the_missing_ones_are_inserted():
    known = make.media_object(mime="image/png")
    other = make.media_object(owner=known.tenant)
    missing = MediaObject.objects.get(pk=other.pk)
    other.delete()
    again = MediaObject.objects.get(pk=known.pk)
    again.mime = "video/mp4"

    columns = [field.attname for field in MediaObject._meta.concrete_fields]
    copy_rows.insert_missing(MediaObject, [again, missing], columns=columns)

    assert MediaObject.objects.get(pk=known.pk).mime == "image/png"
    assert MediaObject.objects.filter(pk=missing.pk).exists()


def test_every_column_of_a_model_arrives_choices_and_empty_values_too():
    tenant = make.tenant()
    row = Reservation(
        tenant=tenant,
        content_type=ContentType.CRAWL,
        key=f"crawl/{tenant.pk}/tab\tand\\N",
        size_bytes=5,
        purpose=Purpose.RECHECK,
        contested=True,
        expires_at=make.NOW - timedelta(hours=1),
        created_at=make.NOW,
    )

    copy_rows.insert(Reservation, [row])

    stored = Reservation.objects.get(pk=row.pk)
    for field in Reservation._meta.concrete_fields:
        assert getattr(stored, field.attname) == getattr(row, field.attname), field.name
