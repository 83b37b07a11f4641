"""Lists that reach PostgreSQL as the text of an array arrive as they are."""

from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from accounts.models import Tenant
from events.postgresql import arrays
from tests import factories

ODD = [
    "",
    "NULL",
    "null",
    "{",
    "}",
    ",",
    '"',
    "\\",
    '\\"',
    "a\\",
    "'",
    "%s",
    " ",
    "\n\t",
    "я̈ 😀",
    None,
]
NUMBERS = [0, -1, 2**63 - 1, -(2**63), None]
POSTS = [UUID(int=0), UUID(int=2**128 - 1), None]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "as_array", "values"),
    [
        ("text", arrays.of_texts, ODD),
        ("text", arrays.of_texts, []),
        ("bigint", arrays.of_numbers, NUMBERS),
        ("uuid", arrays.of_numbers, POSTS),
        ("uuid", arrays.of_numbers, []),
    ],
)
def test_a_list_arrives_as_it_is(kind, as_array, values):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [as_array(values)])

        assert cursor.fetchone() == (values,)


@pytest.mark.django_db
@pytest.mark.parametrize("count", [0, 1, len(ODD) - 1])
def test_among_many_is_among_few(count):
    user_model = get_user_model()
    texts = [text for text in ODD if text is not None]
    user_model.objects.bulk_create([user_model(username=text) for text in [*texts, "other"]])
    wanted = texts[:count]

    found = user_model.objects.filter(username__in=arrays.among(wanted))

    assert sorted(user.username for user in found) == sorted(wanted)


@pytest.mark.django_db
def test_among_many_ids():
    tenants = [factories.tenant() for _ in range(12)]
    ids = [tenant.pk for tenant in tenants[1:]]

    assert set(Tenant.objects.filter(pk__in=arrays.among(ids))) == set(tenants[1:])
    assert arrays.among({}.keys()) == []
