"""The console's pages about analyses, their cost and duplicates."""

from vision.admin import documents, duplicates, enrichments, usage

__all__ = ["documents", "duplicates", "enrichments", "usage"]
