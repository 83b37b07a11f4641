"""Rules: “posts of channel X, with word Y, with label Z get tag T”, for new posts and for old ones."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Tenant
from events.errors import DomainError
from events.postgresql.advisory_locks import in_turn
from media.models import Channel, Post
from media.selectors import find_words
from vision.models import EnrichmentKind, PostEnrichment, PostTag, Tag, TagOrigin, TagRule, TagState
from vision.tagging import material, rows
from vision.tagging.settle import Change, settle
from vision.tagging.words.names import canonical

MOST_RULES: Final = 50
"""Of a tenant: each is a query for each batch of new posts."""
MOST_POSTS: Final = 1000
"""That a rule is applied to at once; more are done in the background (`rule_jobs`)."""
SHOWN: Final = 20
COUNTED: Final = 10_000


class RuleRefused(DomainError):
    code: ClassVar[str] = "tag_rule_refused"
    http_status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True)
class Preview:
    """How many posts a rule matches (COUNTED and more are COUNTED), and the newest of them."""

    count: int
    lacking: int
    newest: list[Post]


def make(
    tenant: Tenant, tag: str, *, channel: Channel | None = None, word: str = "", label: str = ""
) -> TagRule:
    """Keep a rule for new posts; raises RuleRefused."""
    rule = draft(tenant, tag, channel=channel, word=word, label=label)
    with transaction.atomic():
        in_turn(material.lock_name(tenant.pk))
        if TagRule.objects.filter(tenant=tenant).count() >= MOST_RULES:
            raise RuleRefused(_("There are %d rules, the most there can be.") % MOST_RULES)
        [rule.tag] = rows.tags_of(tenant, [rule.tag.name]).values()
        rule.save(force_insert=True)
        audit.record("tag_rule.made", target=rule, after=told(rule))
    return rule


def draft(
    tenant: Tenant, tag: str, *, channel: Channel | None = None, word: str = "", label: str = ""
) -> TagRule:
    """A rule that is not kept, for a preview; its tag may be one that is not kept either."""
    name, word, label = canonical(tag), word.strip(), label.strip()
    if not name:
        raise RuleRefused(_("A tag needs a letter."))
    if not (channel or word or label):
        raise RuleRefused(_("Without a condition every post would get the tag."))
    if channel and channel.tenant_id != tenant.pk:
        raise RuleRefused(_("The channel is another tenant's."))
    known = Tag.objects.filter(tenant=tenant, name=name).select_related("merged_into").first()
    meant = (known.merged_into or known) if known else Tag(tenant=tenant, name=name)
    return TagRule(tenant=tenant, tag=meant, channel=channel, word=word, label=label)


def forget(rule: TagRule) -> None:
    """Delete the rule; posts lose its tag when they are tagged again."""
    with transaction.atomic():
        in_turn(material.lock_name(rule.tenant_id))  # who applies it has read it
        audit.record("tag_rule.deleted", target=rule, before=told(rule))
        rule.delete()


def told(rule: TagRule) -> dict[str, Any]:
    return {
        "tag": rule.tag.name, "channel": str(rule.channel_id or ""), "word": rule.word,
        "label": rule.label,
    }  # fmt: skip


def matching(rule: TagRule, posts: QuerySet[Post] | None = None) -> QuerySet[Post]:
    """Select the posts of the rule's tenant that fulfil its conditions."""
    found = (Post.objects.all() if posts is None else posts).filter(tenant=rule.tenant_id)
    if rule.channel_id:
        found = found.filter(channel=rule.channel_id)
    if rule.label:
        seen = PostEnrichment.objects.filter(
            kind=EnrichmentKind.VISION, vision_classification__contains={"tags": [rule.label]}
        )
        found = found.filter(pk__in=seen.values("post"))
    return find_words(found, rule.word) if rule.word else found


def names_for(posts: Collection[Post]) -> dict[UUID, list[str]]:
    """The names of the tags that rules give to these posts, by post."""
    found: dict[UUID, list[str]] = defaultdict(list)
    rules = TagRule.objects.filter(tenant__in={post.tenant_id for post in posts})
    for rule in rules.select_related("tag").order_by("created_at", "pk"):
        some = Post.objects.filter(pk__in=[post.pk for post in posts])
        for pk in matching(rule, some).values_list("pk", flat=True):
            found[pk].append(rule.tag.name)
    return found


def preview(rule: TagRule) -> Preview:
    """What the rule would do to posts that are there already."""
    found = matching(rule)
    count = found.order_by().values("pk")[:COUNTED].count()
    newest = found.select_related("channel").order_by("-posted_at", "-pk")[:SHOWN]
    return Preview(count, count_lacking(rule), list(newest))


def count_lacking(rule: TagRule) -> int:
    """How many posts would get the tag, at most COUNTED."""
    return _lacking(rule).values("pk")[:COUNTED].count()


def is_long(rule: TagRule) -> bool:
    """Whether more posts lack the tag than `apply` gives it to."""
    return _lacking(rule).values("pk")[: MOST_POSTS + 1].count() > MOST_POSTS


def apply(rule: TagRule, *, now: datetime) -> int:
    """
    Give the tag to the posts that match and lack it; returns their number.

    Whoever removed it from a post is not overridden. Raises RuleRefused for more than MOST_POSTS.
    A rule that was deleted meanwhile gives it to none.
    """
    with transaction.atomic():
        in_turn(material.lock_name(rule.tenant_id))
        now_there = TagRule.objects.select_related("tag").filter(pk=rule.pk).first()
        if now_there is None:
            return 0
        rule = now_there
        if is_long(rule):
            text = _("More than %d posts: the rule is applied in the background.")
            raise RuleRefused(text % MOST_POSTS)
        count = give(rule, most=MOST_POSTS, now=now)
        audit.record("tag_rule.applied", target=rule, after={"posts": count, **told(rule)})
    return count


def give(rule: TagRule, *, most: int, now: datetime) -> int:
    """Give the tag to at most so many posts that lack it; the caller has the tenant's turn."""
    ids = list(_lacking(rule).values_list("pk", flat=True)[:most])
    known = material.read(ids)
    PostTag.objects.bulk_create(
        _given(rule, ids), update_conflicts=True, unique_fields=["post", "tag"],
        update_fields=["origin", "confidence", "tagger", "state"],
    )  # fmt: skip
    settle([Change(one, "manual") for one in known.values()], now=now)
    return len(ids)


def _lacking(rule: TagRule) -> QuerySet[Post]:
    # A proposal is no tag: it waits for a person, and a rule is what a person has said before.
    has = PostTag.objects.filter(tag=rule.tag_id).exclude(state=TagState.PROPOSED)
    return matching(rule).exclude(pk__in=has.values("post")).order_by()


def _given(rule: TagRule, post_ids: list[UUID]) -> list[PostTag]:
    return [
        PostTag(
            tenant_id=rule.tenant_id, post_id=pk, tag_id=rule.tag_id, origin=TagOrigin.RULE,
            state=TagState.ACCEPTED,
        )
        for pk in post_ids
    ]  # fmt: skip
