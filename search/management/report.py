"""What `manage.py search` prints of hits: as JSON, and as lines for people."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext as _

from media.models import Post
from search.fragments import Fragment
from search.query.problems import Problem, explain
from search.services.results.found_in_files import FileHit, place
from search.services.results.hit_texts import Picture
from search.services.results.hits import Hits
from search.services.results.shown import Match, Shown
from search.services.results.wording import album_of, deleted, further_matches, why


def as_json(found: Hits, hits: Sequence[Shown]) -> dict[str, Any]:
    """The answer as one object of JSON."""
    return {
        "found": found.found,
        "found_near": found.near,
        "is_nothing_near": found.is_nothing_near,
        "understood": found.understood,
        "replaced": {word: list(others) for word, others in found.replaced.items()},
        "degraded": list(found.degraded),
        "problems": [_problem(problem) for problem in found.problems],
        "hits": [_hit(one) for one in hits],
    }


def lines(one: Shown) -> Iterator[str]:
    """A hit: where it is, what it says, where words of the query stand beside the text, and why."""
    post = one.post
    yield f"{post.posted_at:%Y-%m-%d} {post.channel} {_address(post)}"
    if said := deleted(post):
        yield f"    {said}"
    yield f"    {_on_one_line(one.fragment)}"
    for name, match in further_matches(one):
        yield f"    {name}: {_on_one_line(match.fragment)}"
    if one.file:
        yield f"    {place(one.file)}"
    if said := "; ".join(filter(None, (album_of(one), why(one)))):
        yield f"    {said}"


def _on_one_line(fragment: Fragment) -> str:
    return " ".join(fragment.text.split())


def _address(post: Post) -> str:
    return post.telegram_post_url or f"#{post.telegram_message_id}"


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code.value,
        "start": problem.start,
        "end": problem.end,
        "text": problem.text,
        **asdict(explain(problem, translate=_)),
    }


def _hit(one: Shown) -> dict[str, Any]:
    hit, post = one.hit, one.post
    return {
        "post_id": str(hit.post_id),
        "channel": str(post.channel),
        "url": post.telegram_post_url,
        "posted_at": post.posted_at.isoformat(),
        "deleted_at": post.deleted_at.isoformat() if post.deleted_at else None,
        "deletion": post.deletion,
        "score": round(hit.score, 6),
        "named": hit.named,
        "words": list(hit.words),
        "tags": list(hit.tags),
        "distance": hit.distance,
        "same_picture": asdict(hit.picture) if hit.picture else None,
        "pictures": [_picture(picture) for picture in one.matching_pictures],
        "album": _album(one),
        **_part(one.fragment),
        "file": _file(one.file) if one.file else None,
        "matches": [_match(match) for match in one.matches],
    }


def _album(one: Shown) -> dict[str, int] | None:
    if not one.album or not one.hit.album:
        return None
    return {
        "album_id": one.hit.album.album_id,
        "items": one.album.items_count,
        "matching_items": one.hit.album.matching,
    }


def _match(match: Match) -> dict[str, Any]:
    picture = _picture(match.picture) if match.picture else None
    return {"field": match.field.value, **_part(match.fragment), "picture": picture}


def _file(found: FileHit) -> dict[str, Any]:
    return {
        "media_id": str(found.media_id),
        "name": found.name,
        "page": found.page,
        "sheet": found.label,
    }


def _part(fragment: Fragment) -> dict[str, Any]:
    return {"text": fragment.text, "spans": [list(span) for span in fragment.spans]}


def _picture(picture: Picture) -> dict[str, Any]:
    return {**asdict(picture), "media_id": str(picture.media_id)}
