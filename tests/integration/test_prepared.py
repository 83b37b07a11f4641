"""Statements that are compiled once read what the queryset reads that they were made of."""

import uuid

import pytest
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Length
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError

from accounts.models import Tenant
from events.postgresql.prepared import Prepared
from media.models import Channel
from tests import factories
from tests.concurrency import in_threads

pytestmark = pytest.mark.django_db(transaction=True)


def channels(*, pk: uuid.UUID, title: str):
    """Objects with one that is joined, a column of JSON in it, and an annotation."""
    rows = Channel.objects.select_related("tenant").annotate(letters=Length("title"))
    return rows.filter(pk=pk, title=title).exclude(tenant__name="").order_by("pk")


@pytest.fixture
def prepared():
    return Prepared(channels, pk=uuid.uuid4(), title="a title")


@pytest.fixture
def channel():
    tenant = factories.tenant()
    tenant.settings = {"daily": 7}
    tenant.save()
    return factories.channel(owner=tenant, title="Кошки")


def test_objects_are_those_of_the_queryset(prepared, channel):
    for _ in range(2):
        [found] = prepared.objects(pk=channel.pk, title="Кошки")

        assert found == channel
        assert not found._state.adding
        assert found.tenant.settings == {"daily": 7}
        assert found.letters == len("Кошки")
        assert not [*prepared.objects(pk=channel.pk, title="Собаки")]


def test_it_is_compiled_once(prepared, channel, monkeypatch):
    [first] = prepared.rows(pk=channel.pk, title="Кошки")
    monkeypatch.setattr(SQLCompiler, "as_sql", None)

    assert prepared.rows(pk=channel.pk, title="Кошки") == [first]
    assert prepared.rows(pk=uuid.uuid4(), title="Кошки") == []


def test_each_thread_reads_over_its_own_connection(prepared, channel):
    [mine], theirs = prepared.objects(pk=channel.pk, title="Кошки"), []

    in_threads(*[lambda: theirs.extend(prepared.objects(pk=channel.pk, title="Кошки"))] * 3)

    assert theirs == [mine] * 3


def test_each_item_of_a_list_is_a_value_of_its_own(channel):
    prepared = Prepared(
        lambda names: Tenant.objects.filter(name__in=names).values_list("name"),
        names=["a name", "another"],
    )

    assert prepared.rows(names=["nobody", channel.tenant.name]) == [(channel.tenant.name,)]


def test_rows_are_locked_in_a_transaction_only_also_once_it_is_compiled(channel):
    prepared = Prepared(
        lambda pk: Channel.objects.select_for_update().filter(pk=pk).values_list("pk"),
        pk=uuid.uuid4(),
    )
    with transaction.atomic():
        assert prepared.rows(pk=channel.pk) == [(channel.pk,)]

    with pytest.raises(TransactionManagementError, match="open transaction"):
        prepared.rows(pk=channel.pk)
    with pytest.raises(TransactionManagementError, match="open transaction"):
        list(prepared.objects(pk=channel.pk))


def test_a_value_that_the_statement_does_not_take_is_refused():
    prepared = Prepared(
        lambda limit: Tenant.objects.annotate(n=F("name")).values_list("pk")[:limit], limit=3
    )

    with pytest.raises(ValueError, match="limit"):
        prepared.rows(limit=5)
