"""
The table of vectors: there where PostgreSQL has the extension `vector`, and only there.

It is no model: a migration would fail, or be done for good, on a server without the extension,
which may get it later. Every `migrate` and `rebuild_index` creates what is missing. A row is a
post's vector of one model, so a new model's vectors grow beside those that still serve. Nothing
refers to it and it refers to nothing: it can be dropped at any time.
"""

from collections.abc import Sequence
from typing import Any

from django.db import Error, connection, transaction

from search.index.port import VectorsUnavailable

_CREATE = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    "DROP TABLE IF EXISTS search_vectors",  # what is left of one whose extension was dropped
    """
    CREATE TABLE search_vectors (
        post_id uuid NOT NULL, model text NOT NULL, tenant_id uuid NOT NULL,
        text_hash varchar(64) NOT NULL, vector halfvec NOT NULL,
        PRIMARY KEY (post_id, model)
    )
    """,
    # The same text again, forwarded or reposted, is not embedded again.
    "CREATE INDEX IF NOT EXISTS idx_search_vectors_text ON search_vectors (text_hash, model)",
    # A tenant with few posts has them compared one by one, see `nearest`.
    "CREATE INDEX IF NOT EXISTS idx_search_vectors_tenant ON search_vectors (tenant_id)",
    """
    CREATE OR REPLACE FUNCTION search_forget_vectors() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF to_regclass('search_vectors') IS NOT NULL THEN
            DELETE FROM search_vectors WHERE post_id IN (SELECT post_id FROM removed);
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER search_documents_forgotten AFTER DELETE ON search_documents
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION search_forget_vectors()
    """,
)


def create_after_migrations(**_: Any) -> None:
    """Receive `post_migrate`; without the extension nothing happens."""
    create()


def create() -> str:
    """Create what is missing. Returns why there is no table of vectors; empty where there is."""
    if exists():
        return ""
    if not _value("SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"):
        return "PostgreSQL has no extension vector"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in _CREATE:
                cursor.execute(statement)
    except Error as error:
        return f"the extension vector cannot be created: {error}".strip()
    return ""


def exists() -> bool:
    # DROP EXTENSION … CASCADE takes the column, and leaves the table.
    return bool(
        _value(
            "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('search_vectors')"
            " AND attname = 'vector' AND NOT attisdropped"
        )
    )


def require() -> None:
    """Raise VectorsUnavailable where there is no table."""
    if not exists():
        raise VectorsUnavailable(
            "PostgreSQL has no extension vector, or `migrate` was not run since"
        )


def create_index(model: str, dimension: int) -> None:
    """
    Create the index over the vectors of one model, if it does not exist.

    At the first vectors: over many it takes minutes, in which nothing can be written.
    """
    name = connection.ops.quote_name(f"idx_search_vectors_{_short(model)}")
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE INDEX IF NOT EXISTS {name} ON search_vectors"
            f" USING hnsw ((vector::halfvec({int(dimension)})) halfvec_cosine_ops)"
            f" WHERE model = {literal(model)}"
        )


def _short(model: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in model)[:40]


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def as_text(vector: Sequence[float]) -> str:
    """A vector in the extension's notation."""
    return "[" + ",".join([f"{number:.5g}" for number in vector]) + "]"


def _value(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
