"""
Rows of the index of words, and the searches that users keep.

The table of vectors is no model, see `search.index.postgresql.vectors.vector_table`.
"""

from search.models.document import SearchDocument
from search.models.meaning import EmbeddingModel, WaitingPost
from search.models.saved_search import SavedSearch, SearchMatch
from search.models.vocabulary import SearchWord

__all__ = [
    "EmbeddingModel",
    "SavedSearch",
    "SearchDocument",
    "SearchMatch",
    "SearchWord",
    "WaitingPost",
]
