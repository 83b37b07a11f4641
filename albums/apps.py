from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AlbumsConfig(AppConfig):
    name = "albums"
    verbose_name = _("Albums")

    def ready(self) -> None:
        from albums import eviction, handlers  # noqa: F401, PLC0415 - both register themselves
