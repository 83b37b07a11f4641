"""Rows of the index of words. The table of vectors is no model, see `search.index.postgresql.vector_table`."""

from search.models.document import SearchDocument
from search.models.meaning import EmbeddingModel, WaitingPost
from search.models.vocabulary import SearchWord

__all__ = ["EmbeddingModel", "SearchDocument", "SearchWord", "WaitingPost"]
