"""The console's pages about analyses, their cost and duplicates."""

from vision.admin import duplicates, enrichments, usage

__all__ = ["duplicates", "enrichments", "usage"]
