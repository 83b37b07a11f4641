"""What is said to Qdrant: filters, points and words, as JSON and without a server."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from media.models import Post
from search.documents import Sources, document_of
from search.index.entry import Entry, Space
from search.index.port import Scope
from search.index.qdrant import points, sparse
from search.index.qdrant.conditions import can_answer, of_scope
from search.payload import payload_of
from search.query.filters.conditions import FIELDS
from search.query_terms import Filters, Query
from search.sources import IndexedPost
from vision.models import PostEnrichment

TENANT, OTHER, POST = UUID(int=1), UUID(int=2), UUID(int=3)
MOMENT = datetime(2026, 11, 1, tzinfo=UTC)
SPACE = Space("model", 2)


def entry(text="Кошка #тег", **changed):
    whole = Entry(
        post_id=POST, tenant_id=TENANT, channel_id=OTHER, album_id=None, posted_at=MOMENT,
        document=document_of(Sources(text=text)), has=("text",), lang="ru", sender="Анна",
        is_meme=False, classification="", payload={"tenant_id": str(TENANT)}, space=SPACE,
        vector=(0.6, 0.8),
    )  # fmt: skip
    return replace(whole, **changed)


class TestConditions:
    @pytest.mark.parametrize(
        ("filters", "excluded"),
        [
            (Filters(), Filters()),
            (Filters(albums=(7,), tags=("а",), has=("text",)), Filters(languages=("ru",))),
            (Filters(posted_from=MOMENT, is_meme=False), Filters(periods=((MOMENT, MOMENT),))),
        ],
    )
    def test_the_tenants_come_first_whatever_follows(self, filters, excluded):
        first, *_ = of_scope(Scope((TENANT, OTHER), filters, excluded))["must"]

        assert first == {"key": "tenant_id", "match": {"any": [str(TENANT), str(OTHER)]}}

    def test_no_tenants_are_no_condition_that_everything_fulfils(self):
        assert of_scope(Scope(()))["must"] == [{"key": "tenant_id", "match": {"any": []}}]

    def test_what_is_excluded_excludes_by_each_value(self):
        found = of_scope(Scope((TENANT,), excluded=Filters(tags=("а", "б"), albums=(1, 2))))

        assert found["must_not"] == [
            {"key": "album_id", "match": {"any": [1, 2]}},
            {"key": "tags", "match": {"value": "а"}},
            {"key": "tags", "match": {"value": "б"}},
        ]

    @pytest.mark.parametrize("query", [Query(phrases=("а б",)), Query(excluded=("а",))])
    def test_phrases_and_excluded_words_are_postgresqls(self, query):
        assert not can_answer(query, Scope((TENANT,)))

    def test_parts_of_names_and_tags_that_no_payload_has_are_postgresqls(self):
        anna, long = Filters(senders=("Анна",)), Filters(tags=("а" * 129,))

        assert not can_answer(Query(), Scope((TENANT,), anna))
        assert not can_answer(Query(), Scope((TENANT,), excluded=anna))
        assert not can_answer(Query(), Scope((TENANT,), long))
        assert not can_answer(Query(tags=long.tags), Scope((TENANT,)))
        assert can_answer(Query(tags=("а" * 128,)), Scope((TENANT,)))

    def test_each_filter_is_said_or_left_to_postgresql(self):
        """A filter that is added and not known here must never be left out in silence."""
        values = {"is_meme": True, "posted_from": MOMENT, "posted_before": MOMENT}
        values |= {"periods": ((MOMENT, MOMENT),)}
        nothing = of_scope(Scope((TENANT,)))
        for field in fields(Filters):
            asked = Filters(**{field.name: values.get(field.name, ("x",))})
            scope = Scope((TENANT,), asked)

            assert not can_answer(Query(), scope) or of_scope(scope) != nothing, field.name
        assert can_answer(Query(words=("а",)), Scope((TENANT,), Filters(tags=("а",))))


class TestPoints:
    def test_the_id_is_that_of_the_post_and_an_empty_vector_is_left_out(self):
        empty = sparse.weighed({})

        assert points.point(entry(), empty, SPACE)["id"] == str(POST)
        assert set(points.point(entry(), empty, SPACE)["vector"]) == {points.meaning(SPACE)}
        assert points.point(entry(), empty, None)["vector"] == {}

    def test_vectors_of_two_models_have_two_names(self):
        assert points.meaning(SPACE) != points.meaning(Space("other", 2))

    @pytest.mark.parametrize(
        "changed",
        [{"text": "Кошки"}, {"has": ("link",)}, {"lang": "en"}, {"sender": "Борис"}, {"vector": None},
         {"payload": {"tenant_id": str(OTHER)}}],
    )  # fmt: skip
    def test_whatever_is_stored_is_in_the_fingerprint(self, changed):
        assert points.of(entry(**changed), SPACE) != points.of(entry(), SPACE)
        assert points.of(entry(), SPACE) == points.expected(entry(vector=None), SPACE)

    def test_every_field_of_a_filter_that_can_be_asked_for_has_an_index_but_those_nobody_fills(
        self,
    ):
        lacking = set(FIELDS) - set(points.PAYLOAD_INDEXES)

        assert lacking == {
            "post_id", "expires_at", "vision.dominant_colors", "crawl.has_crawl", "crawl.html_key",
            "crawl.word_count",
        }  # fmt: skip


class TestWords:
    def test_dimensions_rise_and_are_the_same_everywhere(self):
        found = sparse.weighed({"кошк": 1.0, "лает": 1.0, "в": 0.4})

        assert list(found.indices) == sorted(found.indices)
        assert len(found.indices) == len(found.values) == 3
        assert all(0 <= place < 2**32 for place in found.indices)
        assert set(sparse.asked(["кошк", "кошк"]).indices) == {sparse.dimension("кошк")}

    def test_a_further_occurrence_counts_for_less_and_a_long_text_too(self):
        def weight(count, others=0):
            found = sparse.weighed({"а": count} | {f"б{n}": 1.0 for n in range(others)})
            return dict(zip(found.indices, found.values, strict=True))[sparse.dimension("а")]

        assert weight(1) < weight(2) < weight(4)
        assert weight(2) - weight(1) > weight(4) - weight(3)
        assert weight(1) > weight(1, others=200)
        assert weight(1.0) > weight(0.4)  # a word of the text, and one of a link


class TestPayload:
    def test_of_the_longest_post_it_stays_below_64_kb(self):
        tags = " ".join(f"#{n}{'ж' * 300}" for n in range(50)) + " ".join(
            f"#ж{n}{'я' * 120}" for n in range(200)
        )
        post = Post(id=POST, tenant_id=TENANT, channel_id=OTHER, telegram_message_id=1, posted_at=MOMENT,
                    created_at=MOMENT, content=tags + "я" * 100_000)  # fmt: skip
        words = [f"{n}{'ж' * 126}" for n in range(90)] + ["ж" * 10_000]
        seen = PostEnrichment(
            vision_classification={"type": "photo", "tags": words},
            data={
                "labels": words,
                "objects": words,
                "dominant_colors": words,
                "scene": "ж" * 9_000,
            },
        )

        found = payload_of(IndexedPost(post, seen, None))

        assert len(json.dumps(found, ensure_ascii=False).encode()) < 64 * 1024
        assert len(found["text_short"]) == 500
        assert (len(found["vision"]["labels"]), len(found["vision"]["objects"])) == (20, 10)
        assert found["vision"]["scene"] is None
        assert found["content_length"] == len(post.content)
