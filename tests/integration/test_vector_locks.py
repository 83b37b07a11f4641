"""The index of vectors: who writes them and who deletes posts must not wait for each other."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from search.index.postgresql.vectors import vector_index, vector_table

pytestmark = pytest.mark.django_db(transaction=True)
MODEL, MANY = "of-this-test", vector_index.WORTH_IT


@pytest.fixture(autouse=True)
def _no_index():
    vector_table.create()
    yield
    execute(f"DROP INDEX IF EXISTS {vector_table.index_name(MODEL)}")


def execute(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []


def is_there():
    """Whether there is an index that searches use."""
    name = vector_table.index_name(MODEL)
    return execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", name) == [
        (True,)
    ]


def write(count):
    execute(
        "INSERT INTO search_vectors SELECT gen_random_uuid(), %s, %s, 'x', ARRAY[n, 1, 2]::vector::halfvec"
        " FROM generate_series(1, %s) AS n",
        MODEL,
        uuid.uuid4(),
        count,
    )


def elsewhere(do):
    """Call it in a thread, so on another connection."""

    def call():
        try:
            return do()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result(timeout=20)


def test_nobody_who_deletes_posts_is_waited_for_once_the_index_is_there():
    vector_index.create_index(MODEL, 3)
    other = connection.copy()
    try:
        with transaction.atomic(), other.cursor() as theirs, connection.cursor() as ours:
            theirs.execute("BEGIN; LOCK TABLE search_vectors IN ROW EXCLUSIVE MODE")
            ours.execute("SET LOCAL lock_timeout = '1s'")
            vector_index.create_index(MODEL, 3)
    finally:
        other.close()


def test_of_many_posts_it_is_made_afterwards_and_by_nobody_else_meanwhile():
    vector_index.create_index(MODEL, 3)

    with vector_index.made_afterwards(MODEL, 3, posts=MANY):
        write(10)
        vector_index.create_index(MODEL, 3)
        elsewhere(lambda: vector_index.create_index(MODEL, 3))
        assert not is_there()

    assert is_there()
    assert execute("SHOW maintenance_work_mem") == [("64MB",)]


def test_a_rebuild_that_is_interrupted_leaves_it_to_the_next_vector():
    with pytest.raises(KeyboardInterrupt), vector_index.made_afterwards(MODEL, 3, posts=MANY):
        write(1)
        raise KeyboardInterrupt
    assert not is_there()

    elsewhere(lambda: vector_index.create_index(MODEL, 3))

    assert is_there()


def test_what_was_not_finished_is_made_anew():
    vector_index.create_index(MODEL, 3)
    name = vector_table.index_name(MODEL)
    execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)", name)
    assert not is_there()

    vector_index.create_index(MODEL, 3)

    assert is_there()


@pytest.mark.parametrize(
    ("posts", "there"), [(MANY - 1, 0), (MANY, MANY // 10 + 1)], ids=["few posts", "many vectors"]
)
def test_it_stays_where_searches_would_miss_it_or_little_is_saved(posts, there):
    vector_index.create_index(MODEL, 3)
    write(there)

    with vector_index.made_afterwards(MODEL, 3, posts=posts):
        assert is_there()


def test_where_one_rebuild_fills_the_table_another_one_goes_on_beside_it(monkeypatch):
    monkeypatch.setattr(vector_index, "_TRIES", 2)

    def another():
        with vector_index.made_afterwards(MODEL, 3, posts=MANY):
            write(1)

    with vector_index.made_afterwards(MODEL, 3, posts=MANY):
        elsewhere(another)
        assert not is_there()

    assert is_there()
