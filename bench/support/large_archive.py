"""
An index of any number of posts with the words, the vectors and the dates of a real archive.

A post is made of the real ones of ../shared/data/search: three quarters of one and a quarter of
another, so words occur together as in texts, and with Zipf's frequencies; two more words come from
a vocabulary that grows with the archive, as names, numbers and mistakes do. A vector is a real one
moved by a draw from the real ones' covariance. Nothing runs through an encoder but some hundred
real posts, and all rows are written by COPY: only what a search reads, so `posts` stays empty.
"""

import gzip
import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection

from bench.support.large_archive_vectors import Vectors, copy_vectors
from media.models import Channel
from search.documents import searched_form, tags_in, without_links
from search.embeddings.port import Encoder
from search.index.postgresql.vectors import vector_index
from tests import factories as make

DATA = Path(os.environ.get("SHARED_DATA_DIR", "../shared/data")) / "search"
TENANTS = (0.9, 0.09, 0.01)
"""Their parts of the posts: most of it one's, and one that has a hundredth."""
CHANNELS = 12
YEARS = 6
NEWEST = datetime(2026, 6, 30, tzinfo=UTC)
_ENCODED = 400
_PARTS = 4
_CLASSES = ("",) * 6 + ("news", "meme", "screenshot", "photo")
_LANGUAGES = ("ru",) * 19 + ("en",)


@dataclass(frozen=True, slots=True)
class Template:
    """A real post: its lexemes as PostgreSQL writes them, in `_PARTS` parts of its length."""

    parts: tuple[str, ...]
    tags: tuple[str, ...]
    has: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """The tenants, the biggest first, and their channels."""

    tenants: tuple[UUID, ...]
    channels: tuple[tuple[Channel, ...], ...]


def given_texts() -> list[str]:
    with gzip.open(DATA / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def encoded(encoder: Encoder) -> Vectors:
    """The vectors of some of the real posts, a row each."""
    texts = random.Random(0).sample(given_texts(), _ENCODED)
    return np.array(encoder.encode_passages([without_links(text) for text in texts]), np.float32)


def new_archive() -> Archive:
    """Create tenants and channels without posts."""
    owners = [make.tenant(f"scale {number}") for number in range(len(TENANTS))]
    channels = tuple(
        tuple(
            make.channel(
                owner=owner, title=f"Channel {n} of {owner.name}", username=f"c{place}n{n}"
            )
            for n in range(CHANNELS)
        )
        for place, owner in enumerate(owners)
    )
    return Archive(tuple(owner.pk for owner in owners), channels)


def archive_of(posts: int, encoder: Encoder) -> Archive:
    """The archive of this database, which is filled unless it has so many posts and is whole."""
    archive = _found_archive() or new_archive()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_filled (posts int, model text)")
        cursor.execute("SELECT posts, model FROM bench_filled")
        if cursor.fetchall() != [(posts, encoder.name)]:
            cursor.execute("TRUNCATE bench_filled")
            fill(archive, posts, encoded(encoder), encoder)
            cursor.execute("INSERT INTO bench_filled VALUES (%s, %s)", [posts, encoder.name])
    return archive


def _found_archive() -> Archive | None:
    channels: dict[UUID, list[Channel]] = {}
    for one in Channel.objects.order_by("tenant__name", "title", "pk"):
        channels.setdefault(one.tenant_id, []).append(one)
    return Archive(tuple(channels), tuple(map(tuple, channels.values()))) if channels else None


def fill(archive: Archive, posts: int, base: Vectors, encoder: Encoder) -> None:
    """Replace the whole index by one of `posts` documents and vectors; `base` are real vectors."""
    drawn = random.Random(posts)
    ids = [UUID(int=drawn.getrandbits(128), version=4) for _ in range(posts)]
    owners = drawn.choices(range(len(TENANTS)), TENANTS, k=posts)
    tenants = [archive.tenants[owner] for owner in owners]
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE search_documents, search_words, search_vectors")
        cursor.execute("SET session_replication_role = replica")  # no triggers, no foreign keys
        cursor.execute("SET maintenance_work_mem = '2GB'")
        later = _drop_indexes(cursor)
        _copy_documents(cursor, archive, ids, owners, drawn)
        copy_vectors(cursor, ids, tenants, base, encoder.name)
        _count_words(cursor)
        for statement in later:
            cursor.execute(statement)
        vector_index.create_index(encoder.name, encoder.dimension)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("RESET maintenance_work_mem")
        cursor.execute("VACUUM ANALYZE search_documents, search_words, search_vectors")


def _drop_indexes(cursor: Any) -> list[str]:
    """Drop all indexes but primary keys; returns the statements that create them again."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes"
        " WHERE tablename IN ('search_documents', 'search_vectors', 'search_words')"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE contype = 'p')"
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    return [statement for name, statement in found if "hnsw" not in statement]


# --- Documents -----------------------------------------------------------------------------


def _templates(cursor: Any) -> list[Template]:
    texts = [searched_form(text) for text in given_texts()]
    cursor.execute(
        "SELECT n, lexeme, positions FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, n),"
        " unnest(to_tsvector('russian', text))",
        [texts],
    )
    lexemes: dict[int, list[tuple[int, str]]] = {}
    for number, lexeme, positions in cursor.fetchall():
        quoted = "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
        lexemes.setdefault(number, []).extend((place, quoted) for place in positions)
    return [_template(text, lexemes.get(n, [])) for n, text in enumerate(texts, start=1)]


def _template(text: str, lexemes: list[tuple[int, str]]) -> Template:
    lexemes.sort()
    size = -(-len(lexemes) // _PARTS) or 1
    parts = [
        " ".join(f"{lexeme}:{place}A" for place, lexeme in lexemes[n * size : (n + 1) * size])
        for n in range(_PARTS)
    ]
    has = ("text", *(("link",) if "http" in text else ()), *(("hashtag",) if "#" in text else ()))
    return Template(tuple(parts), tags_in(text), has)


def _copy_documents(
    cursor: Any, archive: Archive, ids: Sequence[UUID], owners: Sequence[int], drawn: random.Random
) -> None:
    templates, stems = _templates(cursor), _Stems(len(ids), drawn)
    columns = (
        "post_id, tenant_id, channel_id, posted_at, words, tags, has, lang, sender, is_meme,"
        " classification, document_hash, text_hash, indexed_at"
    )
    with cursor.copy(f"COPY search_documents ({columns}) FROM STDIN") as copy:
        for post_id, owner in zip(ids, owners, strict=True):
            one, other = drawn.choices(templates, k=2)
            kind = drawn.choice(_CLASSES)
            copy.write_row((
                post_id, archive.tenants[owner], _channel(archive, owner, drawn).pk, _moment(drawn),
                _words(one, other, stems, drawn), list(one.tags),
                [*one.has, *(["photo", "media"] if kind else [])],
                drawn.choice(_LANGUAGES), "", kind == "meme", kind, post_id.hex * 2, post_id.hex * 2,
                NEWEST,
            ))  # fmt: skip


def _channel(archive: Archive, owner: int, drawn: random.Random) -> Channel:
    """A few channels write most of the posts."""
    return archive.channels[owner][int(CHANNELS * drawn.random() ** 2)]


def _moment(drawn: random.Random) -> datetime:
    """In the last years more than in the first."""
    return NEWEST - timedelta(days=YEARS * 365.25 * drawn.random() ** 1.5)


def _words(one: Template, other: Template, stems: "_Stems", drawn: random.Random) -> str:
    place = drawn.randrange(_PARTS)
    parts = [(other if n == place else one).parts[n] for n in range(_PARTS)]
    return " ".join((*parts, f"'{stems.draw()}':{drawn.randrange(1, 90)}A", f"'{stems.draw()}':7A"))


class _Stems:
    """Words beyond those of the real posts: as many as an archive of the size has, by Heaps' law."""

    def __init__(self, posts: int, drawn: random.Random) -> None:
        self.drawn, self.known = drawn, int(40 * posts**0.68)
        """470 000 for a million of posts."""

    def draw(self) -> str:
        return self._word(int(self.known * self.drawn.random() ** 4))

    @staticmethod
    @lru_cache(maxsize=100_000)
    def _word(number: int) -> str:
        letters, word = random.Random(number), ""
        for _ in range(letters.randint(2, 4)):
            word += letters.choice("бвгдзклмнпрстфхцчш") + letters.choice("аеиоуыюя")
        return word + letters.choice("бвгджзклмнпрст")


def _count_words(cursor: Any) -> None:
    """What the trigger would have counted: it is called with all rows at once."""
    cursor.execute(
        "INSERT INTO search_words (tenant_id, word, posts) SELECT tenant_id, word, count(*)"
        " FROM search_documents, unnest(search_counted(words, posted_at)) AS word GROUP BY 1, 2"
    )
