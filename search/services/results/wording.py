"""What is said of an answer and of its hits, in words for people."""

from collections.abc import Iterator

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from media.models import Deletion, Post
from search.query.problems import explain
from search.services.results.hit_texts import Field
from search.services.results.hits import Hits
from search.services.results.shown import Match, Shown


def remarks(found: Hits) -> Iterator[str]:
    """What was not understood, did not work, or was looked for instead."""
    for problem in found.problems:
        explanation = explain(problem, translate=_)
        yield f"{explanation.message} {explanation.remedy}"
    yield from found.degraded
    if found.is_nothing_near:
        yield _("Nothing in the archive is near to this in meaning.")
    for word, others in found.replaced.items():
        yield _("%(word)s: also looked for %(others)s") % {
            "word": word,
            "others": ", ".join(others),
        }


def counted(found: Hits) -> str:
    """Say how many hits have words of the query, and how many are near in meaning; empty for none."""
    alike = ngettext("%d is only near in meaning", "%d are only near in meaning", found.near)
    others = found.found - found.near
    having = ngettext("%d has what was asked for", "%d have what was asked for", others)
    return f"{having % others}; {alike % found.near}" if found.near else ""


def deleted(post: Post) -> str:
    """Say since when a post is deleted in Telegram; empty where it is not."""
    if post.deleted_at is None:
        return ""
    day = f"{timezone.localtime(post.deleted_at):%Y-%m-%d}"
    if post.deletion == Deletion.ABSENT:
        return _("deleted in Telegram, an export of %s has it no more") % day
    return _("deleted in Telegram, noticed on %s") % day


def why(shown: Shown) -> str:
    """Say why a post was found; empty where only conditions were asked for."""
    return "; ".join(_reasons(shown))


def album_of(shown: Shown) -> str:
    """Say how much of its album matches; empty for a hit that stands for no album."""
    if not shown.album or not shown.hit.album:
        return ""
    items = shown.album.items_count
    text = ngettext(
        "album: %(matching)d of %(items)d item matches",
        "album: %(matching)d of %(items)d items match",
        items,
    )
    return text % {"matching": shown.hit.album.matching, "items": items}


def further_matches(shown: Shown) -> Iterator[tuple[str, Match]]:
    """The texts beside the one that is shown which have words of the query, and their names."""
    for match in shown.matches:
        if match.field != Field.TEXT and match.fragment != shown.fragment:
            yield _names()[match.field], match


def _names() -> dict[Field, str]:
    return {
        Field.CAPTION: _("caption of the album"),
        Field.PICTURE_TEXT: _("read in the picture"),
        Field.DESCRIPTION: _("seen in the picture"),
        Field.OTHER: _("files, buttons, places"),
    }


def _reasons(shown: Shown) -> Iterator[str]:
    hit = shown.hit
    if hit.named:
        yield _("the message that was asked for")
    if hit.picture:
        yield _same_picture(hit.picture.distance)
    if hit.words:
        yield _("words: %s") % ", ".join(hit.words)
    if hit.tags:
        yield _("tags: %s") % ", ".join(f"#{tag}" for tag in hit.tags)
    if hit.distance is not None:
        yield _("distance of meaning: %.2f") % hit.distance
    if len(shown.pictures) > 1 and shown.matching_pictures:
        numbers = ", ".join(str(picture.number) for picture in shown.matching_pictures)
        yield _("in picture %(numbers)s of %(all)d") % {
            "numbers": numbers,
            "all": len(shown.pictures),
        }


def _same_picture(distance: int) -> str:
    if not distance:
        return _("the same picture")
    text = ngettext(
        "the same picture, %d bit differs", "the same picture, %d bits differ", distance
    )
    return text % distance
