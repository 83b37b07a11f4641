"""The vision endpoints: every field, every filter, every refusal, and who is answered at all."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Membership, User
from tests import factories as make
from tests.examples import examples
from tests.plans import plan_with_one_index
from vision.models import AnalysisState, PaidAnalysis, PostEnrichment
from vision.providers.port import Analysis

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

API = "/api/v1/vision"
POSTS = f"{API}/posts"


@pytest.fixture
def alices():
    return make.channel()


@pytest.fixture
def bobs():
    return make.channel()


@pytest.fixture
def bob(bobs):
    """A client that speaks for a member of one tenant."""
    client, user = Client(), User.objects.create_user("bob")
    Membership.objects.create(user=user, tenant=bobs.tenant)
    client.force_login(user)
    return client


def analysis(**fields):
    defaults = {
        "provider": "gigachat",
        "model": "GigaChat-Pro",
        "classification": "meme",
        "description": "Кот за рулём",
        "is_meme": True,
        "labels": ["кот", "машина"],
        "analyzed_at": make.NOW,
    }
    return Analysis(**(defaults | fields)).model_dump(mode="json")


def analyzed(of, **fields):
    """A post with one picture, and what was seen in it; each a minute later than the last."""
    media = make.media_object(owner=of.tenant)
    post = make.post(of=of, media=[media])
    number = PostEnrichment.objects.count()
    defaults = {
        "vision_provider": "gigachat",
        "vision_model": "GigaChat-Pro",
        "vision_analyzed_at": make.NOW + timedelta(minutes=number),
        "vision_analysis_reason": "new",
        "vision_classification": {"type": "photo", "confidence": 1.0, "tags": ["кот"]},
        "vision_tokens_used": 1320,
        "vision_version": "vision@2026-11-21#p1",
        "s3_media_keys": [media.s3_key],
    }
    return make.enrichment(post, **(defaults | fields))


def page(client, **query):
    answer = client.get(POSTS, query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(body):
    return [row["post_id"] for row in body["results"]]


def queries(client, address):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


class TestPost:
    def test_fact_069_what_was_seen_and_the_trace_id_comes_back(self, operator, alices):
        row = analyzed(
            alices, vision_is_meme=True, vision_description="Кот", vision_ocr_text="МЯУ",
            s3_vision_keys=["vision/k.json"],
        )  # fmt: skip

        answer = operator.get(f"{POSTS}/{row.post_id}", headers={"X-Trace-ID": "t1"})

        assert (answer.status_code, answer["X-Trace-ID"]) == (200, "t1")
        assert answer.json() == {
            "post_id": str(row.post_id),
            "tenant_id": str(alices.tenant_id),
            "channel_id": str(alices.pk),
            "analyzed_at": "2026-11-21T15:00:00+03:00",
            "provider": "gigachat",
            "model": "GigaChat-Pro",
            "vision_version": "vision@2026-11-21#p1",
            "status": "ok",
            "analysis_reason": "new",
            "tokens_used": 1320,
            "classification": {
                "type": "photo",
                "confidence": 1.0,
                "tags": ["кот"],
                "is_meme": True,
                "description": "Кот",
            },
            "ocr_text": "МЯУ",
            "is_meme": True,
            "media_count": 1,
            "s3_vision_keys": ["vision/k.json"],
            "s3_media_keys": row.s3_media_keys,
            "trace_id": "t1",
        }

    def test_a_hostile_trace_id_is_replaced_in_the_body_too(self, operator, alices):
        row = analyzed(alices)

        answer = operator.get(f"{POSTS}/{row.post_id}", headers={"X-Trace-ID": "a b\tc"})

        assert answer.json()["trace_id"] == answer["X-Trace-ID"]
        assert answer["X-Trace-ID"].startswith("req_")

    def test_where_no_text_was_found_there_is_none(self, operator, alices):
        row = analyzed(alices, vision_ocr_text="", vision_classification=None)

        body = operator.get(f"{POSTS}/{row.post_id}").json()

        assert (body["ocr_text"], body["classification"]) == (None, None)

    def test_a_thumbnail_is_no_medium_of_the_post(self, operator, alices):
        row = analyzed(alices)
        make.show(row.post, make.media_object(owner=alices.tenant), role="thumbnail")
        make.show(row.post, make.media_object(owner=alices.tenant), role="attachment")

        assert operator.get(f"{POSTS}/{row.post_id}").json()["media_count"] == 2

    def test_fact_070_without_an_analysis_it_is_not_found(self, operator, alices):
        waiting = make.post(of=alices)
        skipped = make.enrichment(
            make.post(of=alices), vision_provider="none", vision_analyzed_at=None
        ).post
        tagged = make.enrichment(make.post(of=alices), kind="tags").post

        for post_id in (waiting.pk, skipped.pk, tagged.pk, uuid.uuid4()):
            answer = operator.get(f"{POSTS}/{post_id}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    @pytest.mark.parametrize(
        "name", ["x", "%00", "1", "a%20b", "%ED%A0%80", "9" * 5000, "'; drop--", "%F0%9F%98%80"]
    )
    def test_fact_070_what_is_no_id_is_a_bad_value(self, operator, name):
        answer = operator.get(f"{POSTS}/{name}")

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


class TestPosts:
    def test_fact_071_pages(self, operator, alices):
        rows = [analyzed(alices) for _ in range(120)]
        newest_first = [str(row.post_id) for row in reversed(rows)]

        body = page(operator, page=2, page_size=50)

        assert ids(body) == newest_first[50:100]
        assert (body["total"], body["page"], body["page_size"]) == (120, 2, 50)
        assert ids(page(operator)) == newest_first[:50]
        assert ids(page(operator, page=3)) == newest_first[100:]
        assert ids(page(operator, page=4)) == []

    @pytest.mark.parametrize(
        "query",
        ["page_size=1000", "page_size=101", "page_size=0", "page=0", "page=-1", "page=x",
         "page_size=", "page=9999999999999999999999"],
    )  # fmt: skip
    def test_fact_071_bounds_that_are_passed_are_refused(self, operator, query):
        answer = operator.get(f"{POSTS}?{query}")

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")

    def test_fact_072_filters(self, operator, alices, bobs):
        meme = analyzed(alices, vision_is_meme=True)
        read = analyzed(alices, vision_provider="ocr_fallback", vision_analysis_reason="fallback")
        known = analyzed(bobs, vision_analysis_reason="cache_hit")

        def found(**query):
            return set(ids(page(operator, **query)))

        def posts(*rows):
            return {str(row.post_id) for row in rows}

        assert found(has_meme="true") == posts(meme)
        assert found(has_meme="false") == posts(read, known)
        assert found(provider="gigachat") == posts(meme, known)
        assert found(provider="ocr_fallback") == found(provider="ocr") == posts(read)
        assert found(provider="cached") == posts(known)
        assert found(channel_id=alices.pk) == posts(meme, read)
        assert found(channel_id=alices.pk, has_meme="true", provider="gigachat") == posts(meme)
        assert found(channel_id=uuid.uuid4()) == set()

    @pytest.mark.parametrize(
        "moment",
        ["2026-11-21T12:01:00Z", "2026-11-21T15:01:00+03:00", "2026-11-21T15:01:00"],
    )
    @pytest.mark.parametrize("escaped", [True, False])
    def test_fact_072_later_than_a_moment_of_any_zone(self, operator, alices, moment, escaped):
        rows = [analyzed(alices) for _ in range(3)]  # 12:00, 12:01, 12:02 UTC
        sent = moment.replace("+", "%2B") if escaped else moment

        body = operator.get(f"{POSTS}?analyzed_after={sent}").json()

        assert ids(body) == [str(rows[2].post_id)]
        analyzed_at = datetime.fromisoformat(body["results"][0]["analyzed_at"])
        assert analyzed_at == rows[2].vision_analyzed_at
        assert analyzed_at.utcoffset() is not None

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("channel_id=x", "channel_id"), ("has_meme=perhaps", "has_meme"),
            ("provider=openai", "provider"), ("provider=%00", "provider"),
            ("analyzed_after=yesterday", "analyzed_after"),
            ("analyzed_after=2026-13-01", "analyzed_after"),
            ("analyzed_after=%00", "analyzed_after"),
            ("analyzed_after=0001-01-01T00:00:00%2B14:00", "analyzed_after"),
        ],
    )  # fmt: skip
    def test_fact_072_a_bad_value_is_refused_by_name(self, operator, query, field):
        answer = operator.get(f"{POSTS}?{query}")

        assert answer.status_code == 422, answer.content
        assert [error["field"] for error in answer.json()["errors"]] == [field]

    NAMES = st.sampled_from(
        ["channel_id", "has_meme", "provider", "analyzed_after", "page", "page_size", "x"]
    )
    VALUES = st.text(max_size=40) | st.sampled_from(
        ["9999-12-31T23:59:59-14:00", "0001-01-01", "1e5", "true", "[]", "\0", "2026-W01-1"]
    )

    @settings(
        max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(query=st.dictionaries(NAMES, VALUES, max_size=3))
    def test_fact_032_no_query_causes_a_server_error(self, operator, query):
        assert operator.get(POSTS, query).status_code in {200, 422}

    def test_a_page_costs_the_same_queries_however_many_rows_it_has(self, operator, bob, bobs):
        analyzed(bobs)
        queries(operator, POSTS), queries(bob, POSTS)  # the first request of a session is noted
        one = queries(operator, POSTS), queries(bob, POSTS)
        for _ in range(20):
            analyzed(bobs)

        assert (queries(operator, POSTS), queries(bob, POSTS)) == one
        assert max(one) <= 6


class TestMedia:
    def test_what_was_paid_for(self, operator, alices):
        media = make.post(of=alices, media=[make.media_object(owner=alices.tenant)]).media.get()
        PaidAnalysis.objects.create(
            tenant=alices.tenant, sha256=media.file_sha256, provider="gigachat",
            model="GigaChat-Pro", schema_version="1.0", state=AnalysisState.DONE,
            analysis=analysis(), analyzed_at=make.NOW,
        )  # fmt: skip

        body = operator.get(f"{API}/media/{media.file_sha256}", headers={"X-Trace-ID": "t"}).json()

        assert body == {
            "sha256": media.file_sha256,
            "tenant_id": str(alices.tenant_id),
            "s3_key": media.s3_key,
            "mime_type": "image/png",
            "size_bytes": media.size_bytes,
            "vision_classification": {
                "type": "meme",
                "confidence": 1.0,
                "tags": ["кот", "машина"],
                "is_meme": True,
                "description": "Кот за рулём",
            },
            "provider": "gigachat",
            "model": "GigaChat-Pro",
            "analyzed_at": "2026-11-21T15:00:00+03:00",
            "trace_id": "t",
        }

    def test_what_was_only_read_stands_in_a_post_that_shows_it(self, operator, alices):
        row = analyzed(alices)
        media = row.post.media.get()
        found = analysis(provider="ocr_fallback", model="tesseract", classification="document")
        PostEnrichment.objects.update(data={"analyses": {media.file_sha256: found}})

        body = operator.get(f"{API}/media/{media.file_sha256.upper()}").json()

        assert body["provider"] == "ocr_fallback"
        assert body["vision_classification"]["type"] == "document"

    def test_fact_070_a_picture_without_analysis_is_not_found(self, operator, alices):
        media = make.media_object(owner=alices.tenant)

        assert operator.get(f"{API}/media/{media.file_sha256}").status_code == 404
        assert operator.get(f"{API}/media/{'0' * 64}").status_code == 404

    @pytest.mark.parametrize("name", ["x", "0" * 63, "0" * 65, "g" * 64, "%00", "%D1%8F" * 64])
    def test_fact_070_what_is_no_hash_is_a_bad_value(self, operator, name):
        answer = operator.get(f"{API}/media/{name}")

        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == ["sha256"]

    def test_fact_030_of_a_picture_that_both_have_each_sees_his_own(
        self, operator, bob, alices, bobs
    ):
        for of, description, hours in ((alices, "Alice's", 1), (bobs, "Bob's", 0)):
            media = make.media_object(owner=of.tenant, body=b"the same")
            PaidAnalysis.objects.create(
                tenant=of.tenant, sha256=media.file_sha256, provider="gigachat", model="m",
                schema_version="1.0", state=AnalysisState.DONE,
                analysis=analysis(description=description),
                analyzed_at=make.NOW + timedelta(hours=hours),
            )  # fmt: skip
        address = f"{API}/media/{media.file_sha256}"

        def seen(client, query=""):
            return client.get(address + query).json()["vision_classification"]["description"]

        assert seen(bob) == "Bob's"
        assert seen(operator) == "Alice's"
        assert seen(operator, f"?tenant_id={bobs.tenant_id}") == "Bob's"
        assert bob.get(f"{address}?tenant_id={alices.tenant_id}").status_code == 404
        assert bob.get(f"{address}?tenant_id=x").status_code == 422


class TestStats:
    def test_fact_073_the_sums_are_those_of_the_rows(self, operator, alices, bobs):
        for number in range(12):
            analyzed(
                alices if number % 2 else bobs,
                vision_provider="ocr_fallback" if number % 3 else "gigachat",
                vision_is_meme=number % 4 == 0,
                vision_analysis_reason="cache_hit" if number < 3 else "new",
                vision_classification={"type": "meme" if number % 4 == 0 else "photo"},
                vision_tokens_used=number,
            )
        make.enrichment(make.post(of=alices), kind="tags", vision_tokens_used=1000)
        make.enrichment(make.post(of=alices), vision_analyzed_at=None, vision_provider="none")

        answer = operator.get(f"{API}/stats", headers={"X-Trace-ID": "t"})

        assert answer.status_code == 200
        assert answer.json() == {
            "total_analyzed": 12,
            "memes_count": 3,
            "by_provider": {"gigachat": 4, "ocr": 8, "cached": 3},
            "tokens": {"total": 66, "average": 5.5},
            "by_type": {
                "photo": 9, "meme": 3, "document": 0, "screenshot": 0, "infographic": 0,
                "other": 0,
            },
            "trace_id": "t",
        }  # fmt: skip

    def test_of_nothing_they_are_nothing(self, operator):
        body = operator.get(f"{API}/stats").json()

        assert (body["total_analyzed"], body["tokens"]) == (0, {"total": 0, "average": 0.0})

    @pytest.mark.costly
    @pytest.mark.parametrize("rows", [1, 40])
    @pytest.mark.parametrize("statistics", [True, False])
    def test_one_statement_of_sums_that_one_index_answers(self, bob, bobs, rows, statistics):
        for _ in range(rows):
            analyzed(bobs)
        if statistics:
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")

        with CaptureQueriesContext(connection) as captured:
            bob.get(f"{API}/stats")

        [sums] = [q["sql"] for q in captured if "post_enrichment" in q["sql"]]
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        plan = plan_with_one_index(sums, table="post_enrichment", index="idx_pe_vision_stats")
        assert "Index Only Scan using idx_pe_vision_stats" in plan


class TestWhoIsAnswered:
    def test_fact_030_what_another_tenant_has_is_not_there(self, bob, alices, bobs):
        hers, his = analyzed(alices), analyzed(bobs, vision_tokens_used=7)

        foreign = bob.get(f"{POSTS}/{hers.post_id}")
        absent = bob.get(f"{POSTS}/{uuid.uuid4()}")

        assert bob.get(f"{POSTS}/{his.post_id}").status_code == 200
        assert foreign.status_code == absent.status_code == 404
        assert foreign.json() | {"trace_id": ""} == absent.json() | {"trace_id": ""}
        assert ids(page(bob)) == [str(his.post_id)]
        assert ids(page(bob, channel_id=alices.pk)) == []
        assert page(bob)["total"] == 1
        assert bob.get(f"{API}/stats").json()["tokens"]["total"] == 7

    def test_fact_030_nor_is_a_picture_of_another(self, bob, alices):
        row = analyzed(alices)
        media = row.post.media.get()
        PostEnrichment.objects.update(data={"analyses": {media.file_sha256: analysis()}})

        assert bob.get(f"{API}/media/{media.file_sha256}").status_code == 404

    @pytest.mark.parametrize(
        "path", ["posts", "stats", f"posts/{uuid.UUID(int=0)}", f"media/{'0' * 64}"]
    )
    def test_nobody_gets_nothing(self, client, path):
        answer = client.get(f"{API}/{path}")

        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")

    def test_who_belongs_to_no_tenant_may_see_nothing(self, client):
        client.force_login(User.objects.create_user("nobody"))

        assert client.get(POSTS).status_code == 403

    @pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
    def test_it_is_for_reading(self, operator, method):
        assert getattr(operator, method)(POSTS).status_code == 405


class TestOwnersOfAnEnrichment:
    def test_they_are_its_posts_whatever_anybody_writes(self, alices, bobs):
        row = make.enrichment(make.post(of=alices), tenant=bobs.tenant)
        PostEnrichment.objects.update(channel=bobs)

        row.refresh_from_db()
        assert (row.tenant_id, row.channel_id) == (alices.tenant_id, alices.pk)

    def test_the_class_is_that_of_the_classification(self, alices):
        row = analyzed(alices)

        row.refresh_from_db()
        assert row.vision_class == "photo"
