from typing import Any

from django.utils.translation import gettext_lazy as _

from events import rooms


class AlbumsConfig(rooms.Room):
    name = "albums"
    verbose_name = _("Albums")

    def connect(self) -> None:
        from albums import eviction, handlers, health  # noqa: F401, PLC0415 - the first two register themselves
        from albums.gauges import AlbumCollector  # noqa: PLC0415 - see below
        from albums.services import claims  # noqa: PLC0415 - models are ready only now
        from events import metrics  # noqa: PLC0415 - see above
        from events.delivery import recovery  # noqa: PLC0415 - see above
        from media.api import parts  # noqa: PLC0415 - see above

        parts.register("album", _album)
        recovery.register("albums", claims.release_claims_of_gone_workers)
        metrics.register(AlbumCollector())
        health.register()


def _album() -> Any:
    from albums import post_part  # noqa: PLC0415 - a worker needs no serializers

    return post_part.album()
