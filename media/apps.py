from django.utils.translation import gettext_lazy as _

from events import rooms


class MediaConfig(rooms.Room):
    name = "media"
    verbose_name = _("Channels and media")

    def ready(self) -> None:
        from accounts import audit  # noqa: PLC0415 - models are ready only now

        audit.follow(self.get_model("Channel"), by_people=True)  # imports write channels as well

    def connect(self) -> None:
        from events import metrics  # noqa: PLC0415 - models are ready only now
        from events.delivery import recovery  # noqa: PLC0415 - models are ready only now
        from media import eviction, lost_files  # noqa: F401, PLC0415 - both register themselves
        from media.gauges import ChannelCollector  # noqa: PLC0415 - models are ready only now
        from media.services import import_runs  # noqa: PLC0415 - models are ready only now
        from media.services.telegram import health, network  # noqa: PLC0415 - models are ready only now

        health.register()
        network.register()
        recovery.register("imports", import_runs.close_interrupted)
        metrics.register(ChannelCollector())
