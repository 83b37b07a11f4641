"""The check of Qdrant, for `/health/detailed` and `doctor`."""

from collections.abc import Iterator
from typing import Final

from django.conf import settings

from events import health
from events.health import Finding, Scope, ok, skipped, warning
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from search.index.port import IndexOutdated, IndexRefused, IndexUnavailable
from search.index.qdrant import collections
from search.index.qdrant.completeness import require_complete

REMEDY: Final = _("PostgreSQL answers meanwhile; afterwards Qdrant catches up by itself")
LACKING: Final = _("PostgreSQL answers meanwhile; `manage.py rebuild_index --only qdrant` fills it")
_SERVES: Final = Sentence(_("%(url)s: %(collection)s serves"))


def register() -> None:
    health.register("qdrant", answers, scope=Scope.DETAILED, remedy=REMEDY)


def answers() -> Iterator[Finding]:
    """Ask which collection serves, and whether it has all posts: two requests."""
    if not settings.QDRANT.configured:
        yield skipped(_("QDRANT_URL is not set: PostgreSQL answers"))
        return
    try:
        name = collections.require_serving()
        require_complete(name)
    except IndexOutdated as error:
        yield warning(str(error), LACKING)
    except (IndexUnavailable, IndexRefused) as error:
        yield warning(str(error), REMEDY)  # a search is answered all the same
    else:
        yield ok(_SERVES % {"url": settings.QDRANT.url, "collection": name})
