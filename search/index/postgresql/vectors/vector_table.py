"""
The tables of vectors: there where PostgreSQL has the extension `vector`, and only there.

It is no model: a migration would fail, or be done for good, on a server without the extension,
which may get it later. Every `migrate` and `rebuild_index` creates what is missing. A row is a
post's vector of one model, so a new model's vectors grow beside those that still serve. Nothing
refers to it and it refers to nothing: it can be dropped at any time.

`search_kept_vectors` has those that no post has now: of texts that were edited or deleted, or that
are encoded and not written yet. A trigger fills it, see `kept_vectors`.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from django.db import Error, connection, transaction
from django.utils.translation import gettext_noop

from search.index.port import VectorsUnavailable

_CREATE = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    # What is left of those whose extension was dropped.
    "DROP TABLE IF EXISTS search_vectors, search_kept_vectors",
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
        DELETE FROM search_waiting_posts WHERE post_id IN (SELECT post_id FROM removed);
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER search_documents_forgotten AFTER DELETE ON search_documents
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION search_forget_vectors()
    """,
    # A vector of NULL: the model refuses this text.
    """
    CREATE TABLE search_kept_vectors (
        model text NOT NULL, text_hash varchar(64) NOT NULL, vector halfvec,
        kept_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (model, text_hash)
    )
    """,
    "CREATE INDEX idx_search_kept_vectors_age ON search_kept_vectors (kept_at)",
    "UPDATE search_models SET checked_at = NULL",  # all posts are without a vector now
    """
    CREATE OR REPLACE FUNCTION search_keep_vectors() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF current_setting('search.keeps_vectors', true) IS DISTINCT FROM 'no' AND EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = to_regclass('search_kept_vectors')
            AND attname = 'vector' AND NOT attisdropped
        ) THEN
            INSERT INTO search_kept_vectors (model, text_hash, vector)
            SELECT DISTINCT ON (model, text_hash) model, text_hash, vector FROM removed
            ORDER BY model, text_hash
            ON CONFLICT (model, text_hash)
            DO UPDATE SET vector = excluded.vector, kept_at = excluded.kept_at;
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER search_vectors_removed AFTER DELETE ON search_vectors
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION search_keep_vectors()
    """,
    """
    CREATE OR REPLACE TRIGGER search_vectors_replaced AFTER UPDATE ON search_vectors
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION search_keep_vectors()
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
    # DROP EXTENSION … CASCADE takes the columns, and leaves the tables.
    return bool(
        _value(
            "SELECT count(*) = 2 FROM pg_attribute WHERE attrelid IN"
            " (to_regclass('search_vectors'), to_regclass('search_kept_vectors'))"
            " AND attname = 'vector' AND NOT attisdropped"
        )
    )


def require() -> None:
    """Raise VectorsUnavailable where there is no table."""
    if not exists():
        raise VectorsUnavailable(
            gettext_noop("PostgreSQL has no extension vector, or `migrate` was not run since")
        )


def drop_model(model: str, *, most: int) -> bool:
    """
    Remove a model's index and up to `most` of its vectors, which are not kept; whether none is left.

    Where the index is in use for longer than a moment, it is left to the next time.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'; SET LOCAL search.keeps_vectors = 'no'")
        cursor.execute(f"DROP INDEX IF EXISTS {index_name(model)}")
        cursor.execute(
            "DELETE FROM search_vectors WHERE ctid = ANY(ARRAY("
            "SELECT ctid FROM search_vectors WHERE model = %s LIMIT %s))",
            [model, most],
        )
        removed = cursor.rowcount
        cursor.execute("DELETE FROM search_kept_vectors WHERE model = %s", [model])
        return bool(removed < most)


def index_name(model: str) -> str:
    """The quoted name of a model's index; no two models have the same."""
    readable = "".join(letter if letter.isalnum() else "_" for letter in model)[:30]
    digest = hashlib.sha256(model.encode()).hexdigest()[:8]
    return connection.ops.quote_name(f"idx_search_vectors_{readable}_{digest}")


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def as_text(vector: Sequence[float]) -> str:
    """A vector in the extension's notation."""
    return "[" + ",".join([f"{number:.5g}" for number in vector]) + "]"


def _value(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
