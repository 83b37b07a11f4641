from django.utils.translation import pgettext_lazy

from events import rooms


class GraphConfig(rooms.Room):
    name = "graph"
    verbose_name = pgettext_lazy("room", "Graph")

    def connect(self) -> None:
        from events import metrics  # noqa: PLC0415 - models are ready only now
        from events.postgresql import advisory_locks  # noqa: PLC0415 - see above
        from graph import handlers, health  # noqa: F401, PLC0415 - registers itself
        from graph.gauges import GraphCollector  # noqa: PLC0415 - see above
        from graph.services import index, verify  # noqa: PLC0415 - see above

        metrics.register(GraphCollector())
        advisory_locks.register_names(lambda: [index.LOCK])
        verify.register()
        health.register()
