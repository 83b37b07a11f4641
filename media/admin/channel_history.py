"""The history of a channel on its page of the console: changes, mass deletions, sources."""

from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from events.console import EMPTY, rendered, short_time
from media.history.channels import ChannelChange, changes_of
from media.history.record.origins import without_reading
from media.models import Channel, ChannelSource, MassDeletion, SourceKind
from media.services import import_words

SOURCES_SHOWN = 50
_NAMES: dict[str, StrPromise] = {
    "title": _("title"),
    "username": _("public name"),
    "kind": _("kind"),
    "migrated_from": _("the id it had before"),
    "migrated_to": _("the id it has now"),
    "is_private": _("private"),
}


def changes_table(channel: Channel) -> SafeString | str:
    """When the channel had another title, name, kind or id, the latest first."""
    rows = [
        (short_time(one.at), _NAMES[one.field], _value(one, one.before), _value(one, one.after))
        for one in changes_of(channel)
    ]
    return rendered("channel_changes.html", rows=rows) if rows else EMPTY


def _value(change: ChannelChange, value: object) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if change.field == "kind":
        return import_words.chat_kind(str(value))
    return EMPTY if value in (None, "") else str(value)


def mass_deletions(channel: Channel) -> SafeString | str:
    """The times at which many posts were deleted; all of them are still in the archive."""
    rows = [(_span(one), _share(one)) for one in channel.mass_deletions.order_by("-first_at")]
    return rendered("facts.html", rows=rows) if rows else EMPTY


def _span(one: MassDeletion) -> str:
    first, last = short_time(one.first_at), short_time(one.last_at)
    return first if first == last else f"{first} – {last}"


def _share(one: MassDeletion) -> str:
    return gettext("%(posts)s of %(of_posts)s posts; they are kept") % {
        "posts": number_format(one.posts, force_grouping=True),
        "of_posts": number_format(one.of_posts, force_grouping=True),
    }


def sources_table(channel: Channel) -> SafeString | str:
    """The exports and accounts that had the channel, the latest first."""
    found = channel.sources.select_related("run").order_by("-moment", "-pk")[:SOURCES_SHOWN]
    rows = [(_source(one), one.run.path if one.run else EMPTY) for one in found]
    return rendered("facts.html", rows=rows) if rows else EMPTY


def _source(one: ChannelSource) -> str:
    if one.kind == SourceKind.LIVE:
        return gettext("Telegram (%s)") % one.name
    moment = short_time(one.moment) if one.moment else without_reading(one.name)
    return gettext("export of %s") % moment
