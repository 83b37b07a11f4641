"""Entry points of django-q2: they take primitives and return a short outcome."""

from typing import Any

from events.sentences import Sentence, gettext_noop
from media.models import Channel
from media.services.telegram import count_passes, passes
from media.services.telegram.channels import public_names

_RENEWED = Sentence(gettext_noop("links of %(count)s channels renewed"))


def read_channels(**_: Any) -> str:
    return str(passes.read_all())


def read_counts(**_: Any) -> str:
    return str(count_passes.read_all())


def renew_links(*, channel_id: str, **_: Any) -> str:
    """Idempotent: a run that was cut off is repeated, and goes on with what is left."""
    channels = Channel.objects.filter(pk=channel_id)
    for channel in channels:
        public_names.renew_links(channel)
    return _RENEWED % {"count": len(channels)}
