"""The console's pages about analyses, their cost, duplicates and tags."""

from vision.admin import documents, duplicates, enrichments, tags, usage

__all__ = ["documents", "duplicates", "enrichments", "tags", "usage"]
