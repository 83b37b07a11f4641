"""What tagging posts by the paid tagger would cost: questions that nobody has answered yet."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Avg

from vision.limits.forecast import roubles_of
from vision.models import TagAnswer, TagAnswerState
from vision.tagging import material
from vision.tagging.asked import ask, kept, question
from vision.tagging.material import KnownPost

SAMPLES: Final = 100
"""The mean cost of an answer is that of so many of the last ones."""
CHARS_PER_TOKEN: Final = 3
"""Of Russian text, and of the answer's JSON, until a first answer tells more."""
ANSWER_CHARS: Final = 300


@dataclass(frozen=True, slots=True)
class Cost:
    """Posts that would be asked about, and the expected tokens and roubles."""

    asked: int = 0
    tokens: int = 0
    roubles: float = 0.0


def cost_of(pages: Iterable[list[UUID]]) -> Cost:
    """
    What these posts would cost, given in pages of their ids.

    Counted are questions without a kept answer, each once, at the mean cost of the last answers.
    """
    mean, asked, tokens = _mean(), 0, 0.0
    seen: set[tuple[UUID, str]] = set()
    for page in pages:
        for one in _open(list(material.read(page).values())):
            key = one.post.tenant_id, question.digest_of(one.material)
            if key not in seen:
                seen.add(key)
                asked += 1
                tokens += mean or _guess(one)
    whole = math.ceil(tokens)
    return Cost(asked, whole, roubles_of(whole, ask.model_name()))


def _open(posts: list[KnownPost]) -> list[KnownPost]:
    """Those of the posts about which the tagger would be asked."""
    asked = (one for one in posts if ask.is_on(one.post.tenant))
    worth = [one for one in asked if ask.is_worth_asking(one)]
    answered: set[tuple[UUID, str]] = set()
    digests = [question.digest_of(one.material) for one in worth]
    for tenant_id in {one.post.tenant_id for one in worth}:
        rows = kept.final(tenant_id, ask.model_name(), digests)
        answered |= {(tenant_id, row.question) for row in rows}
    pairs = zip(worth, digests, strict=True)
    return [one for one, digest in pairs if (one.post.tenant_id, digest) not in answered]


def _mean() -> float:
    """The mean of the last answers; 0 before the first."""
    rows = TagAnswer.objects.filter(
        model=ask.model_name(), state=TagAnswerState.GIVEN, tokens__gt=0
    )
    last = rows.order_by("-asked_at").values("tokens")[:SAMPLES]
    return float(last.aggregate(mean=Avg("tokens"))["mean"] or 0)


def _guess(one: KnownPost) -> float:
    content = question.content_of(one.material, (), mark="")
    return (len(question.INSTRUCTIONS) + len(content) + ANSWER_CHARS) / CHARS_PER_TOKEN
