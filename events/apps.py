from django.utils.translation import gettext_lazy as _

from events import rooms


class EventsConfig(rooms.Room):
    name = "events"
    verbose_name = _("Events")

    def connect(self) -> None:
        from events.delivery.figures import DeliveryCollector  # noqa: PLC0415 - models are ready only now
        from events.inspection import checks  # noqa: PLC0415 - see above
        from events.metrics import scrape  # noqa: PLC0415 - see above

        checks.register_all()
        scrape.register(DeliveryCollector())
