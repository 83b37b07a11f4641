"""
Collections: `telegram_posts` is an alias of one of `telegram_posts__1`, `telegram_posts__2`, …

Searches ask the alias. Writers write to every one of them, so that one that is being built does
not miss what happens meanwhile.
"""

import re
from typing import Any, Final

from events.sentences import Sentence, gettext_noop
from search.index.collection import collection_name
from search.index.entry import Space
from search.index.port import IndexUnavailable
from search.index.qdrant.client import WRITE_SECONDS, answering, client, models
from search.index.qdrant.points import PAYLOAD_INDEXES, WORDS, meaning

NO_COLLECTION: Final = Sentence(
    gettext_noop(
        "Qdrant has no finished collection %(name)s: `manage.py rebuild_index` makes it, and goes"
        " on where it was interrupted"
    )
)


def serving() -> str | None:
    """The collection behind the alias; None before the first rebuild has finished."""
    with answering():
        aliases = client().get_aliases().aliases
    return next((a.collection_name for a in aliases if a.alias_name == collection_name()), None)


def require_serving() -> str:
    """The same; raises IndexUnavailable where there is none."""
    found = serving()
    if found is None:
        raise IndexUnavailable(NO_COLLECTION % {"name": collection_name()})
    return found


def every() -> list[str]:
    """All collections of ours, the oldest first: the one that serves, and one that is being built."""
    with answering():
        names = [one.name for one in client().get_collections().collections]
    numbers = {name: number for name in names if (number := _number(name))}
    return sorted(numbers, key=lambda name: numbers[name])


def has_vectors(name: str, space: Space) -> bool:
    """Whether the collection has vectors of this model."""
    with answering():
        found = client().get_collection(name).config.params.vectors
    one = found.get(meaning(space)) if isinstance(found, dict) else None
    return one is not None and one.size == space.dimension


def create(space: Space | None) -> str:
    """Create the next collection and return its name; it serves nobody yet."""
    there, of = every(), models()
    name = f"{collection_name()}__{(_number(there[-1]) if there else 0) + 1}"
    dense = of.VectorParams(size=space.dimension, distance=of.Distance.COSINE) if space else None
    with answering():
        client().create_collection(
            name,
            vectors_config={meaning(space): dense} if space and dense else {},
            sparse_vectors_config={WORDS: of.SparseVectorParams(modifier=of.Modifier.IDF)},
            timeout=WRITE_SECONDS,
        )
        for field, kind in PAYLOAD_INDEXES.items():
            client().create_payload_index(name, field, _schema(kind), timeout=WRITE_SECONDS)
    return name


def let_serve(name: str) -> None:
    """Move the alias in one step, then drop the collections before: who asks never finds nothing."""
    of, before = models(), serving()
    moved = [
        of.CreateAliasOperation(
            create_alias=of.CreateAlias(collection_name=name, alias_name=collection_name())
        )
    ]
    if before:
        gone = of.DeleteAlias(alias_name=collection_name())
        moved.insert(0, of.DeleteAliasOperation(delete_alias=gone))
    with answering():
        client().update_collection_aliases(moved, timeout=WRITE_SECONDS)
    for other in every():
        if other != name:
            drop(other)


def drop(name: str) -> None:
    with answering():
        client().delete_collection(name, timeout=WRITE_SECONDS)


def _number(name: str) -> int:
    """The number of a collection of ours; 0 for any other."""
    found = re.fullmatch(re.escape(collection_name()) + r"__([1-9][0-9]{0,8})", name)
    return int(found[1]) if found else 0


def _schema(kind: str) -> Any:
    of = models()
    if kind == "tenant":  # points of a tenant lie together on the disk
        return of.KeywordIndexParams(type=of.KeywordIndexType.KEYWORD, is_tenant=True)
    return of.PayloadSchemaType(kind)
