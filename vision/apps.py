from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class VisionConfig(AppConfig):
    name = "vision"
    verbose_name = _("Vision")

    def ready(self) -> None:
        from accounts import tenant_settings  # noqa: PLC0415 - models are ready only now
        from events.delivery import recovery  # noqa: PLC0415 - see above
        from events.metrics import scrape  # noqa: PLC0415 - see above
        from vision import checks, document_handlers, eviction, handlers, health  # noqa: F401, PLC0415 - register themselves
        from vision.analysis import claims  # noqa: PLC0415 - see above
        from vision.documents import claims as readings  # noqa: PLC0415 - see above
        from vision.gauges import VisionCollector  # noqa: PLC0415 - see above
        from vision.limits import places  # noqa: PLC0415 - see above
        from vision.policy.loader import OVERRIDE, problems_of_override  # noqa: PLC0415 - see above

        tenant_settings.register(OVERRIDE, problems_of_override)
        recovery.register("places", places.release_forgotten)
        recovery.register("documents", readings.release_stale_claims)
        recovery.register("pictures", claims.release_stale_claims)
        scrape.register(VisionCollector())
        health.register()
