"""The console's pages about analyses, their cost, duplicates and tags."""

from vision.admin import documents, duplicates, enrichments, tag_answers, tag_rules, tags, usage

__all__ = ["documents", "duplicates", "enrichments", "tag_answers", "tag_rules", "tags", "usage"]
