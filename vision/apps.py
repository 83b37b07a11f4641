from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from events import rooms


class VisionConfig(rooms.Room):
    name = "vision"
    verbose_name = _("Vision")

    def ready(self) -> None:
        from accounts import audit  # noqa: PLC0415 - models are ready only now
        from vision import checks  # noqa: F401, PLC0415 - registers itself

        audit.follow(
            self.get_model("TagRule"),
            leave_out=["apply_wanted_at", "applied_posts", "applied_at"],
            by_people=True,  # a worker notes how far it has applied a rule
        )

    def connect(self) -> None:
        from accounts import tenant_settings  # noqa: PLC0415 - models are ready only now
        from events.delivery import recovery  # noqa: PLC0415 - see above
        from events.metrics import scrape  # noqa: PLC0415 - see above
        from media.api import parts  # noqa: PLC0415 - see above
        from vision import document_handlers, eviction, handlers, health, tagging_handlers  # noqa: F401, PLC0415 - register themselves
        from vision.analysis import claims  # noqa: PLC0415 - see above
        from vision.documents import claims as readings  # noqa: PLC0415 - see above
        from vision.gauges import VisionCollector  # noqa: PLC0415 - see above
        from vision.limits import places  # noqa: PLC0415 - see above
        from vision.policy.loader import OVERRIDE, problems_of_override  # noqa: PLC0415 - see above
        from vision.tagging import settings as tagging  # noqa: PLC0415 - see above

        parts.register("analysis", _analysis)
        parts.register("documents", _documents)
        tenant_settings.register(OVERRIDE, problems_of_override)
        tenant_settings.register(tagging.SECTION, tagging.problems)
        recovery.register("places", places.release_forgotten)
        recovery.register("documents", readings.release_stale_claims)
        recovery.register("pictures", claims.release_stale_claims)
        scrape.register(VisionCollector())
        health.register()

    def load(self) -> None:
        if settings.VISION.feature_vision_enabled:
            import imagehash  # noqa: F401, PLC0415 - late

            from vision.providers.ocr import tesseract  # noqa: F401, PLC0415 - late
        if settings.GIGACHAT.configured:
            from vision.providers.gigachat import provider, text  # noqa: F401, PLC0415 - late


def _analysis() -> Any:
    from vision.api import post_parts  # noqa: PLC0415 - a worker needs no serializers

    return post_parts.analysis()


def _documents() -> Any:
    from vision.api import post_parts  # noqa: PLC0415 - see above

    return post_parts.documents()
