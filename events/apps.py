from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    name = "events"
    verbose_name = _("Events")

    def ready(self) -> None:
        from events.delivery.figures import DeliveryCollector  # noqa: PLC0415 - models are ready only now
        from events.inspection import checks  # noqa: PLC0415 - see above
        from events.metrics import scrape  # noqa: PLC0415 - see above

        checks.register_all()
        scrape.register(DeliveryCollector())
