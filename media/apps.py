from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MediaConfig(AppConfig):
    name = "media"
    verbose_name = _("Channels and media")

    def ready(self) -> None:
        from media import eviction, lost_files  # noqa: F401, PLC0415 - both register themselves
