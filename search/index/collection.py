"""The name by which callers of `search_vectors` mean the index."""

from django.conf import settings

from search.query.filters.conditions import FilterRefused


def collection_name() -> str:
    name: str = settings.QDRANT.collection
    return name


def require_collection(name: str) -> None:
    """Raise FilterRefused for another collection: there is one."""
    if name != collection_name():
        raise FilterRefused("collection_name", f"unknown; there is {collection_name()}")
