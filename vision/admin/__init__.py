"""The console's view of what was seen in pictures, and what that cost."""

from vision.admin import duplicates, enrichments, usage

__all__ = ["duplicates", "enrichments", "usage"]
