"""Lists that reach PostgreSQL as the text of an array arrive as they are."""

from uuid import UUID

import pytest
from django.db import connection

from events.postgresql import arrays

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
