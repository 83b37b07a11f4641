"""Check of the graph, for `/health/detailed` and `doctor`."""

from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.utils import translation

from events import health
from events.health import Finding, Scope, ok, skipped, warning
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from graph.embedded import server
from graph.errors import GraphUnavailable
from graph.store import connection

REMEDY: Final = _(
    "posts are stored and searched meanwhile; afterwards the graph catches up by itself"
)
NOT_STARTED: Final = _("the embedded graph is not running; it starts when it is needed")
_ANSWERS: Final = Sentence(_("%(url)s answers"))


def register() -> None:
    health.register("graph", answers, scope=Scope.DETAILED, remedy=REMEDY, seconds=10.0)


def answers() -> Iterator[Finding]:
    """Ask the graph for a number, unless that would start the embedded one."""
    if not connection.configured():
        yield skipped(_("NEO4J_URL is not set: there is no graph"))
        return
    if settings.NEO4J.embedded and server.running(settings.GRAPH_DIR) is None:
        yield ok(NOT_STARTED)
        return
    try:
        with translation.override("en"):  # a finding is told in English, and retold to a reader
            connection.ask("RETURN 1 AS one")
    except GraphUnavailable as error:
        yield warning(str(error), REMEDY)  # nothing else depends on it
    else:
        yield ok(_ANSWERS % {"url": settings.NEO4J.url})
