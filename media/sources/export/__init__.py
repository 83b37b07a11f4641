"""A Telegram Desktop export (`result.json` and its folders) as a source. No Django in here."""

from media.sources.export.source import ExportSource

__all__ = ["ExportSource"]
