from typing import Any

from django.utils.translation import gettext_lazy as _

from events import rooms


class CrawlConfig(rooms.Room):
    name = "crawl"
    verbose_name = _("Articles")

    def ready(self) -> None:
        from accounts import audit  # noqa: PLC0415 - models are ready only now
        from crawl.fetchers import checks  # noqa: F401, PLC0415 - registers itself

        audit.follow(self.get_model("CrawlDomain"), by_people=True)  # visits count in such rows

    def connect(self) -> None:
        from crawl import claims, eviction, handlers  # noqa: F401, PLC0415 - models are ready only now
        from events.delivery import recovery  # noqa: PLC0415 - see above
        from media.api import parts  # noqa: PLC0415 - see above

        parts.register("articles", _articles)
        recovery.register("articles", claims.release_stale_claims)


def _articles() -> Any:
    from crawl.api import post_part  # noqa: PLC0415 - a worker needs no serializers

    return post_part.articles()
