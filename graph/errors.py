"""What can go wrong with the graph; each message says what to do."""

from typing import ClassVar

from django.utils.translation import gettext

from events.errors import DomainError


class GraphOff(DomainError):
    """The installation has no graph."""

    code: ClassVar[str] = "graph_off"
    http_status: ClassVar[int] = 503

    def __init__(self) -> None:
        super().__init__(
            gettext("There is no graph: set NEO4J_URL to a server's address, or to embedded.")
        )


class GraphUnavailable(DomainError):
    """The graph cannot be asked now; it catches up by itself afterwards."""

    code: ClassVar[str] = "graph_unavailable"
    http_status: ClassVar[int] = 503
