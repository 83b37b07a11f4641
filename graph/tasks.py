"""Queue entry points."""

from typing import Any

from events.errors import RetryLater
from graph.errors import GraphUnavailable
from graph.services.notes import read_notes


def note(**_: Any) -> str:
    """Let the graph forget rows that are gone, and rename channels; scheduled each minute."""
    try:
        return f"{read_notes()} notes read"
    except (GraphUnavailable, RetryLater) as error:  # the notes stay, and wait
        return f"postponed: {error}"[:200]
