"""Rounds in which posts are tagged: asked about before anything is locked, again where they changed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from vision.tagging import material
from vision.tagging.asked import ask
from vision.tagging.asked.kept import Answers
from vision.tagging.asked.question import digest_of
from vision.tagging.material import KnownPost

ROUNDS: Final = 3
"""Of a post that changes each time while the tagger is asked, the local tagger tags the last state."""


Asked = Mapping[UUID, Answers]
"""What the tagger that costs tokens said, by tenants that have chosen it."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: how many posts are counted, and which others have to be asked about again."""

    count: int
    others: list[UUID]


def asked_about(
    post_ids: Collection[UUID], wants: Callable[[KnownPost], bool], *, waits: bool
) -> Asked:
    """
    Ask about those of the posts that are to be tagged, before anything is locked.

    What changes until then is another question: see `in_rounds`.
    """
    if not ask.is_on_somewhere():
        return {}
    known = [one for one in material.read(post_ids).values() if ask.is_on(one.post.tenant)]
    found = ask.answers_for([one for one in known if wants(one)], waits=waits)
    return {one.post.tenant_id: found.get(one.post.tenant_id, Answers()) for one in known}


def in_rounds(post_ids: Collection[UUID], tag: Callable[..., Round]) -> int:
    """
    Tag posts; those that became others while the tagger was asked are asked about again.

    Whoever changed them comes with an event, which finds them tagged and asks nothing.
    """
    count, left = 0, post_ids
    for number in range(1, ROUNDS + 1):
        done = tag(left, is_last=number == ROUNDS)
        count, left = count + done.count, done.others
        if not left:
            break
    return count


def ready(
    posts: Sequence[KnownPost], asked: Asked, *, is_last: bool
) -> tuple[list[KnownPost], list[UUID]]:
    """The posts that were asked about as they are now, in the last round all; and the others."""
    others = [] if is_last else [one.post.pk for one in posts if _is_open(one, asked)]
    return [one for one in posts if one.post.pk not in others], others


def _is_open(one: KnownPost, asked: Asked) -> bool:
    """Whether nobody was asked about the post as it is now, and somebody should be."""
    answers = asked.get(one.post.tenant_id)
    if answers is None or not ask.is_worth_asking(one):
        return False
    return digest_of(one.material) not in answers
