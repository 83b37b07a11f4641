from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import pgettext_lazy


class SearchConfig(AppConfig):
    name = "search"
    verbose_name = pgettext_lazy("room", "Search")  # without context it is Django's button

    def ready(self) -> None:
        from events.metrics import scrape  # noqa: PLC0415 - models are ready only now
        from search import handlers  # noqa: F401, PLC0415 - register themselves
        from search.index.postgresql.vectors.vector_table import create_after_migrations  # noqa: PLC0415 - see above
        from search.monitoring import checks, health, qdrant  # noqa: F401, PLC0415 - see above
        from search.monitoring.gauges import SearchCollector  # noqa: PLC0415 - see above
        from search.services import verify  # noqa: PLC0415 - see above

        post_migrate.connect(create_after_migrations, sender=self)
        scrape.register(SearchCollector())
        health.register()
        verify.register()
        qdrant.register()
