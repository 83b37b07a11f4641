"""Queue entry points."""

from typing import Any

from events.errors import RetryLater
from events.sentences import Sentence, gettext_noop
from graph.errors import GraphUnavailable
from graph.services.notes import read_notes

_READ = Sentence(gettext_noop("%(count)s notes read"))
_POSTPONED = Sentence(gettext_noop("postponed"))


def note(**_: Any) -> str:
    """Let the graph forget rows that are gone, and rename channels; scheduled each minute."""
    try:
        return _READ % {"count": read_notes()}
    except (GraphUnavailable, RetryLater) as error:  # the notes stay, and wait
        return f"{_POSTPONED % {}}: {error}"[:200]
