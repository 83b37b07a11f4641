"""Tags follow what a post says and what was seen in it; what people decided stays."""

import hashlib
import json
import random

import pytest
from django.db import transaction

from events import outbox
from events.delivery import worker
from events.models import OutboxEvent
from events.schemas import Classification, PostTaggedEventV1, VisionAnalyzedEventV1, VisionResult
from media.models import Post
from media.posts import post_events
from tests import factories as make
from tests.counted import Growth
from vision.models import EnrichmentKind, PostEnrichment, PostTag, Tag, TagOrigin, TagState
from vision.tagging import run
from vision.tagging.by_hand import people, synonyms
from vision.tagging.rules import rules

pytestmark = pytest.mark.django_db
LONG = "Снег идёт в горах, снег лежит на дорогах, и снег не тает: так бывает каждую зиму в наших краях."
P9, P10 = "vision@2026-11-26#p9", "vision@2026-11-26#p10"
committed = pytest.mark.django_db(transaction=True)
"""What is counted is counted when it is committed."""
HASH_A, HASH_B = "a" * 64, "b" * 64


def parsed(*posts: Post, first: bool = True) -> None:
    with transaction.atomic():
        for post in posts:
            outbox.publish(
                post_events.parsed(post, post.channel, [], first=first, trace_id="trace-1")
            )


def analyzed(
    post: Post, *, version: str = P9, features: str = HASH_A, labels=(), text: str = "", row=True
) -> VisionAnalyzedEventV1:
    """An analysis as vision leaves it: its row, and its event."""
    if row:
        PostEnrichment.objects.update_or_create(
            post=post,
            kind=EnrichmentKind.VISION,
            defaults={
                "vision_version": version, "features_hash": features, "vision_analyzed_at": make.NOW,
                "vision_classification": {"type": "photo", "tags": list(labels)},
                "vision_ocr_text": text,
            },
        )  # fmt: skip
    event = VisionAnalyzedEventV1(
        tenant_id=str(post.tenant_id), post_id=str(post.pk), vision_version=version,
        features_hash=features,
        idempotency_key=f"{post.pk}:{version}:{features[:8]}:{random.random()}",
        vision=VisionResult(
            provider="gigachat", model="m", classification=Classification(type="photo"),
            analyzed_at=make.NOW,
        ),
    )  # fmt: skip
    with transaction.atomic():
        outbox.publish(event)
    return event


def drain() -> None:
    worker.drain("tagging")


def told(post: Post) -> list[PostTaggedEventV1]:
    rows = OutboxEvent.objects.filter(topic="posts.tagged", payload__post_id=str(post.pk))
    return [PostTaggedEventV1.model_validate(row.payload) for row in rows.order_by("pk")]


def tags(post: Post, state: str = TagState.ACCEPTED) -> set[str]:
    return set(PostTag.objects.filter(post=post, state=state).values_list("tag__name", flat=True))


def state(post: Post) -> dict:
    return PostEnrichment.objects.get(post=post, kind=EnrichmentKind.TAGS).data


class TestNewPosts:
    def test_hashtags_and_keywords_become_tags_and_are_told_once(self) -> None:
        post = make.post(content=f"{LONG} #Зима")
        parsed(post)
        drain()
        drain()

        assert tags(post) == {"снег", "зима"}
        [event] = told(post)
        assert (event.trigger, event.tags, event.provider) == ("initial", ["зима", "снег"], "local")
        assert event.idempotency_key == f"{post.pk}:tagged:v1"
        assert event.tags_hash == _hash(["зима", "снег"])
        assert event.metadata.retagged is False
        rows = {row.tag.name: row for row in PostTag.objects.filter(post=post)}
        assert rows["зима"].origin == TagOrigin.HASHTAG
        assert (rows["снег"].origin, rows["снег"].confidence) == (TagOrigin.MODEL, 0.75)

    def test_a_short_post_without_media_gets_an_empty_event(self) -> None:
        post = make.post(content="снег снег снег")
        parsed(post)
        drain()

        assert [event.tags for event in told(post)] == [[]]
        assert told(post)[0].metadata.reason == "too_short"

    def test_its_hashtags_count_whatever_its_length(self) -> None:
        post = make.post(content="#Снег")
        parsed(post)
        drain()

        assert told(post)[0].tags == ["снег"]

    def test_a_caption_of_an_album_is_that_of_each_item(self) -> None:
        first = make.post(content="", grouped_id=5)
        second = make.post(of=first.channel, content="", grouped_id=5)
        parsed(first, second)
        drain()
        Post.objects.filter(pk=second.pk).update(content=f"{LONG} #альбом", revision=1)
        second.refresh_from_db()
        parsed(second, first=False)
        drain()

        assert tags(first) == tags(second) == {"альбом", "снег"}

    def test_an_edit_changes_tags_and_back_again_is_told_too(self) -> None:
        post = make.post(content="#один")
        parsed(post)
        drain()
        for number, text in enumerate(("#два", "#один", "#два"), 1):
            Post.objects.filter(pk=post.pk).update(content=text, revision=number)
            post.refresh_from_db()
            parsed(post, first=False)
            drain()

        assert [event.tags for event in told(post)] == [["один"], ["два"], ["один"], ["два"]]
        assert tags(post) == {"два"}

    @committed
    def test_the_same_text_again_is_not_tagged_again(self) -> None:
        post = make.post(content="#один")
        parsed(post)
        drain()
        count = Growth()
        with transaction.atomic():
            event = post_events.parsed(post, post.channel, [], first=True, trace_id="t")
            outbox.publish(event.model_copy(update={"idempotency_key": "again"}))
        drain()

        assert count("tagging_redis_dedup_hits_total") == 1
        assert len(told(post)) == 1

    def test_a_threshold_of_the_tenant_makes_proposals(self) -> None:
        post = make.post(content=LONG)
        post.tenant.settings = {"tagging": {"threshold": 0.9}}
        post.tenant.save()
        parsed(post)
        drain()

        assert tags(post) == set()
        assert tags(post, TagState.PROPOSED) == {"снег"}
        assert told(post)[0].tags == []


class TestRetagging:
    @pytest.fixture
    def post(self) -> Post:
        post = make.post(content=f"{LONG} #зима", has_media=True)
        parsed(post)
        drain()
        analyzed(post, version=P9, features=HASH_A)
        drain()
        return post

    def test_fact_074_a_newer_analysis_retags(self, post) -> None:
        analyzed(post, version=P10, features=HASH_A, labels=["кот"], text="кот")
        drain()

        event = told(post)[-1]
        assert (event.trigger, event.vision_version) == ("vision_retag", P10)
        assert event.tags == ["зима", "кот", "снег"]
        assert event.metadata.retagged
        assert event.idempotency_key == f"{post.pk}:tagged:vision_retag:{event.tags_hash[:16]}"

    @committed
    def test_fact_075_the_same_analysis_does_not(self, post) -> None:
        count = Growth()
        analyzed(post, version=P9, features=HASH_A, labels=["кот"], text="кот")
        drain()

        assert len(told(post)) == 1
        assert count("retagging_skipped_total", reason="no_changes") == 1

    def test_fact_076_another_features_hash_does(self, post) -> None:
        analyzed(post, version=P9, features=HASH_B, labels=["кот"], text="кот")
        drain()

        assert told(post)[-1].trigger == "vision_retag"

    @committed
    def test_fact_077_p10_is_newer_than_p9_and_p9_older_than_p10(self, post) -> None:
        analyzed(post, version=P10, features=HASH_A)
        drain()
        assert state(post)["tags_version"] == P10
        count = Growth()
        analyzed(post, version=P9, features=HASH_A, row=False)
        drain()

        assert count("retagging_skipped_total", reason="version_check_failed") == 1
        assert state(post)["tags_version"] == P10

    def test_an_older_event_that_comes_last_leaves_what_the_newest_analysis_said(
        self, post
    ) -> None:
        analyzed(post, features=HASH_A)
        drain()
        analyzed(post, features=HASH_B)
        drain()
        analyzed(post, features=HASH_A, row=False)
        drain()

        assert state(post)["features_hash"] == HASH_B

    @committed
    def test_fact_078_equal_tags_are_not_told(self, post) -> None:
        count = Growth()
        analyzed(post, version=P10, features=HASH_B)
        drain()

        assert len(told(post)) == 1
        assert count("retagging_processed_total", changed="false", outcome="ok") == 1

    @committed
    def test_equal_tags_that_name_something_else_are_told(self, post) -> None:
        assert state(post)["categories"] == ["topic"]
        PostTag.objects.filter(post=post).update(category="place")  # as another tagger had found
        PostEnrichment.objects.filter(post=post, kind=EnrichmentKind.TAGS).update(
            data=state(post) | {"categories": ["place"]}
        )

        analyzed(post, version=P10, features=HASH_B)
        drain()

        assert state(post)["categories"] == ["topic"]
        assert [event.tags for event in told(post)] == [told(post)[0].tags] * 2

    def test_fact_079_what_a_retag_leads_to_is_not_tagged(self, post) -> None:
        event = post_events.parsed(post, post.channel, [], first=True, trace_id="t")
        with transaction.atomic():
            outbox.publish(
                event.model_copy(update={"idempotency_key": "loop", "trigger": "vision_retag"})
            )
        row = OutboxEvent.objects.get(idempotency_key="loop")

        assert "vision.tag" not in row.deliveries.values_list("subscriber", flat=True)
        assert not OutboxEvent.objects.filter(
            topic="posts.tagged", deliveries__subscriber__startswith="vision"
        ).exists()

    def test_fact_080_a_retag_back_to_the_first_tags_is_told_as_well(self, post) -> None:
        for version, label in (
            (P10, "кот"),
            ("vision@2026-11-27#p1", ""),
            ("vision@2026-11-28#p1", "кот"),
        ):
            analyzed(post, version=version, features=HASH_A, labels=[label], text=label)
            drain()

        keys = [event.idempotency_key for event in told(post)]
        assert len(keys) == len(set(keys)) == 4

    def test_fact_081_the_version_is_kept(self, post) -> None:
        analyzed(post, version=P10, features=HASH_B)
        drain()

        kept = state(post)
        assert (kept["tags_version"], kept["features_hash"]) == (P10, HASH_B)
        assert kept["retagged_from_vision_version"] == P9
        assert kept["retagged_at"]

    def test_no_tags_yet_means_retag_and_the_post_is_still_told_as_new(self) -> None:
        post = make.post(content="#зима", has_media=True)
        analyzed(post)
        drain()
        parsed(post)
        drain()

        assert [event.trigger for event in told(post)] == ["vision_retag", "initial"]

    @committed
    def test_a_skipped_analysis_and_a_missing_post_change_nothing(self, post) -> None:
        missing = make.post()
        count = Growth()
        event = analyzed(missing)
        missing.delete()
        with transaction.atomic():
            outbox.publish(
                event.model_copy(
                    update={"idempotency_key": "s", "skipped": True, "post_id": str(post.pk)}
                )
            )
        drain()

        assert count("retagging_skipped_total", reason="vision_skipped") == 1
        assert count("retagging_skipped_total", reason="post_not_found") == 1

    def test_a_picture_that_is_replaced_by_one_that_is_not_analyzed_takes_its_tags_along(
        self,
    ) -> None:
        post = make.post(content="#зима", has_media=True)
        parsed(post)
        event = analyzed(post, labels=["кошка"], text="кошка и кошка, а ещё раз кошка")
        drain()
        people.add(post, "море", user=make.superuser(), now=make.NOW)
        assert tags(post) >= {"зима", "кошка", "море"}

        PostEnrichment.objects.filter(post=post, kind=EnrichmentKind.VISION).update(
            vision_analyzed_at=None, features_hash=HASH_B, vision_classification=None,
            vision_ocr_text="",
        )  # fmt: skip
        told_before = len(told(post))
        for key in ("skipped", "skipped again"):
            with transaction.atomic():
                outbox.publish(event.model_copy(update={"idempotency_key": key, "skipped": True}))
            drain()

        assert tags(post) == {"зима", "море"}
        assert [one.trigger for one in told(post)[told_before:]] == ["vision_retag"]


class TestPeople:
    @pytest.fixture
    def post(self) -> Post:
        post = make.post(content=f"{LONG} #зима", has_media=True)
        parsed(post)
        drain()
        return post

    def _again(self, post: Post) -> None:
        analyzed(post, version=P10, features=HASH_B)
        drain()
        run.tag_again([post.pk], now=make.NOW)

    def test_what_a_person_added_no_machine_takes_away(self, post) -> None:
        people.add(post, "#Моё любимое", user=make.superuser(), now=make.NOW)
        self._again(post)

        assert tags(post) == {"зима", "снег", "мое_любимое"}
        assert told(post)[-1].trigger == "manual"

    def test_what_a_person_removed_stays_removed(self, post) -> None:
        row = PostTag.objects.get(post=post, tag__name="зима")
        people.remove(row, user=make.superuser(), now=make.NOW)
        self._again(post)
        Post.objects.filter(pk=post.pk).update(content=f"{LONG} #зима #лето", revision=1)
        post.refresh_from_db()
        parsed(post, first=False)
        drain()

        assert tags(post) == {"снег", "лето"}

    def test_a_tag_that_a_person_confirmed_outlives_the_text(self, post) -> None:
        people.add(post, "снег", user=make.superuser(), now=make.NOW)
        Post.objects.filter(pk=post.pk).update(content="#лето", revision=1)
        post.refresh_from_db()
        parsed(post, first=False)
        drain()

        assert tags(post) == {"снег", "лето"}

    def test_proposals_are_taken_and_dropped_in_bulk_and_stay_so(self) -> None:
        posts = [make.post(content=LONG) for _ in range(3)]
        for post in posts:
            post.tenant.settings = {"tagging": {"threshold": 1}}
            post.tenant.save()
        parsed(*posts)
        drain()
        rows = list(PostTag.objects.filter(post__in=posts))
        user = make.superuser()

        assert people.decide([r.pk for r in rows[:2]], accept=True, user=user, now=make.NOW) == 2
        assert people.decide([r.pk for r in rows[2:]], accept=False, user=user, now=make.NOW) == 1
        assert people.decide([r.pk for r in rows], accept=False, user=user, now=make.NOW) == 0
        run.tag_again([post.pk for post in posts], now=make.NOW)
        assert [len(tags(row.post)) for row in rows] == [1, 1, 0]

    def test_a_synonym_means_the_other_tag_for_ever(self, post) -> None:
        other = make.post(of=post.channel, content="#зимушка #зима")
        parsed(other)
        drain()
        synonym, tag = Tag.objects.get(name="зимушка"), Tag.objects.get(name="зима")

        assert synonyms.merge(synonym, tag, now=make.NOW) == 1
        later = make.post(of=post.channel, content="#Зимушка")
        parsed(later)
        drain()
        assert tags(other) == tags(later) == {"зима"}
        with pytest.raises(synonyms.MergeRefused):
            synonyms.merge(tag, synonym, now=make.NOW)

    @pytest.mark.parametrize("order", [("зима", "снег"), ("снег", "зима")])
    def test_of_two_merged_tags_a_persons_decision_counts(self, post, order) -> None:
        row = PostTag.objects.get(post=post, tag__name="зима")
        people.remove(row, user=make.superuser(), now=make.NOW)
        one, other = (Tag.objects.get(name=name) for name in order)

        synonyms.merge(one, other, now=make.NOW)

        assert tags(post) == set()
        assert tags(post, TagState.DROPPED) == {order[1]}


class TestRules:
    def test_new_posts_get_the_tag_of_each_condition(self) -> None:
        channel = make.channel()
        other = make.channel(owner=channel.tenant)
        rules.make(channel.tenant, "канал", channel=channel)
        rules.make(channel.tenant, "слово", word="дорога")
        rules.make(channel.tenant, "метка", label="кот")
        rules.make(channel.tenant, "всё", channel=channel, word="дорога", label="кот")
        plain, wordy = make.post(of=other, content="x"), make.post(of=channel, content="о дорогах")
        foreign = make.post(content="о дорогах")
        parsed(plain, wordy, foreign)
        drain()
        assert (tags(plain), tags(wordy), tags(foreign)) == (set(), {"канал", "слово"}, set())
        analyzed(wordy, labels=["кот"])
        drain()

        assert tags(wordy) == {"канал", "слово", "метка", "все"}

    def test_a_preview_changes_nothing_and_old_posts_get_the_tag_when_it_is_applied(self) -> None:
        post, other = make.post(content="о дорогах"), None
        other = make.post(of=post.channel, content="дороги")
        people.remove(
            people.add(other, "путь", user=make.superuser(), now=make.NOW),
            user=make.superuser(),
            now=make.NOW,
        )
        rule = rules.make(post.tenant, "путь", word="дорога")
        seen = rules.preview(rule)

        assert (seen.count, seen.lacking, len(seen.newest)) == (2, 1, 2)
        assert tags(post) == set()
        assert rules.apply(rule, now=make.NOW) == 1
        assert rules.apply(rule, now=make.NOW) == 0
        assert (tags(post), tags(other)) == ({"путь"}, set())
        assert told(post)[-1].tags == ["путь"]

    @pytest.mark.parametrize(
        ("tag", "more"), [("!!", {"word": "x"}), ("tag", {}), ("tag", {"word": " "})]
    )
    def test_a_rule_without_tag_or_condition_is_refused(self, tag, more) -> None:
        with pytest.raises(rules.RuleRefused):
            rules.make(make.tenant(), tag, **more)


def _hash(names: list[str]) -> str:
    told_as = json.dumps(sorted(names), ensure_ascii=False)
    return hashlib.sha256(told_as.encode()).hexdigest()
