"""What lines look like, for the settings: the formatter itself stands on structlog."""

from enum import StrEnum


class Form(StrEnum):
    """What lines look like; `auto` is text on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"
