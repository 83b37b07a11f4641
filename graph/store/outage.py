"""What this process knows of a failure of the graph."""

from typing import Final

from events.outage import Outage

outage: Final = Outage()
