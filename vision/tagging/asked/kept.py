"""The answers that are kept: what was paid for is not asked again."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F

from accounts.models import Tenant
from media.models import Post
from vision.models import PostTag, TagAnswer, TagAnswerState, TagState
from vision.tagging.asked.question import MOST_KNOWN
from vision.tagging.port import PROVIDER, FoundTag, Tagged

MOST_ATTEMPTS: Final = 3
"""Calls without an answer, one after the other, after which the local tagger stands in."""
FINAL: Final = (TagAnswerState.GIVEN, TagAnswerState.USELESS)


@dataclass(slots=True)
class Answers:
    """Answers by question: what was given, and for what reason there is none."""

    given: dict[str, Tagged] = field(default_factory=dict)
    missed: dict[str, str] = field(default_factory=dict)

    def add(self, row: TagAnswer) -> None:
        """Add a row in one of the FINAL states."""
        if row.state == TagAnswerState.USELESS:
            self.missed[row.question] = row.reason
            return
        tags = [FoundTag(**tag) for tag in row.tags]
        self.given[row.question] = Tagged(tags, PROVIDER, row.model, seconds=row.seconds)

    def __contains__(self, question: str) -> bool:
        return question in self.given or question in self.missed


def final(tenant_id: UUID, model: str, questions: Collection[str]) -> list[TagAnswer]:
    """The rows of those questions that nobody asks again."""
    rows = TagAnswer.objects.filter(tenant=tenant_id, model=model, question__in=questions)
    return list(rows.filter(state__in=FINAL))


def keep(
    post: Post,
    model: str,
    question: str,
    tags: Sequence[FoundTag] | None,
    *,
    now: datetime,
    tokens: int,
    reason: str = "",
    seconds: float | None = None,
) -> TagAnswer:
    """Write an answer down for good, a useless one (no `tags`) with the reason; may be repeated."""
    is_given = tags is not None
    values: dict[str, Any] = {
        "state": TagAnswerState.GIVEN if is_given else TagAnswerState.USELESS,
        "tags": [asdict(tag) for tag in tags or ()],
        "tokens": tokens,
        "seconds": seconds,
        "reason": reason,
        "asked_at": now,
        "attempts": 0,
    }
    key: dict[str, Any] = {"tenant_id": post.tenant_id, "model": model, "question": question}
    with transaction.atomic():
        values["post"] = _still_there(post)
        return TagAnswer.objects.update_or_create(defaults=values, **key)[0]


def failed(
    post: Post, model: str, question: str, *, now: datetime, reason: str, tokens: int
) -> bool:
    """Count a call without an answer; whether it is worth another one."""
    key: dict[str, Any] = {"tenant_id": post.tenant_id, "model": model, "question": question}
    with transaction.atomic():
        first = {"post": _still_there(post), "asked_at": now}
        TagAnswer.objects.get_or_create(defaults=first, **key)
        row = TagAnswer.objects.select_for_update().get(**key)
        goes_on = row.attempts + 1 < MOST_ATTEMPTS
        TagAnswer.objects.filter(pk=row.pk).update(
            attempts=F("attempts") + 1 if goes_on else 0,
            tokens=F("tokens") + tokens,
            reason=reason[:50],
            asked_at=now,
        )
    return goes_on


def _still_there(post: Post) -> Post | None:
    """The post, which nobody can delete until the transaction ends; None where it is deleted."""
    return Post.objects.select_for_update(no_key=True).only("pk").filter(pk=post.pk).first()


def most_used(tenant: Tenant) -> list[str]:
    """The tags that most posts of the tenant have: they are offered, so that they are used again."""
    rows = PostTag.objects.filter(tenant=tenant, state=TagState.ACCEPTED).values_list("tag__name")
    counted = rows.annotate(posts=Count("pk")).order_by("-posts", "tag__name")
    return [name for name, _ in counted[:MOST_KNOWN]]
