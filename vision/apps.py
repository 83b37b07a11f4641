from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class VisionConfig(AppConfig):
    name = "vision"
    verbose_name = _("Vision")

    def ready(self) -> None:
        from vision import checks, eviction, handlers  # noqa: F401, PLC0415 - register themselves
