"""Writing vectors and deleting posts lock the same tables, and must not wait for each other."""

import pytest
from django.db import connection, transaction

from search.index.postgresql import vector_table

pytestmark = pytest.mark.django_db(transaction=True)


def test_nobody_who_deletes_posts_is_waited_for_once_the_index_is_there():
    vector_table.create()
    vector_table.create_index("of-this-test", 3)
    other = connection.copy()
    try:
        with transaction.atomic(), other.cursor() as theirs, connection.cursor() as ours:
            theirs.execute("BEGIN; LOCK TABLE search_vectors IN ROW EXCLUSIVE MODE")
            ours.execute("SET LOCAL lock_timeout = '1s'")
            vector_table.create_index("of-this-test", 3)
    finally:
        other.close()
        with connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX {vector_table.index_name('of-this-test')}")
