"""The storage endpoints: every field, every refusal, and which users get an answer."""

import json
import uuid
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Membership, Tenant, User
from events.postgresql import advisory_locks
from storage_quota import services
from storage_quota.cleanup import runner
from storage_quota.metrics import VIOLATIONS
from storage_quota.models import Reservation, StoredObject
from storage_quota.units import GIB
from telegram_assistant.config import S3
from tests.examples import examples
from tests.storage_fixtures import key

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("store", "contract_limits"),
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

CHECK = "/api/v1/storage/quota/check"
CLEANUP = "/api/v1/storage/cleanup"
QUOTA = "/api/v1/storage/quota"


@pytest.fixture
def contract_limits(settings):
    defaults = S3(_env_file=None)
    settings.LIMITS, settings.CLEANUP = defaults.limits(), defaults.cleanup()
    return settings.LIMITS


@pytest.fixture
def bobs():
    return Tenant.objects.create(name="Bob's")


@pytest.fixture
def bob(bobs):
    """A client with the token of a member of one tenant."""
    client, user = Client(), User.objects.create_user("bob")
    Membership.objects.create(user=user, tenant=bobs)
    client.force_login(user)
    return client


@pytest.fixture
def fill(now):
    """Set the ledger's sums to so many GiB, without objects in the store."""

    def make(tenant, content_type, size_gb):
        row, _ = tenant.usage.get_or_create(
            content_type=content_type, defaults={"last_updated": now, "created_at": now}
        )
        row.total_bytes = int(size_gb * GIB)
        row.save()

    return make


@pytest.fixture
def check(operator, tenant):
    def make(client=operator, **changes):
        body = {"tenant_id": str(tenant.pk), "size_bytes": 1_024_000, "content_type": "media"}
        return client.post(CHECK, json.dumps(body | changes), content_type="application/json")

    return make


def usage_of(tenant):
    return f"/api/v1/storage/usage/{tenant.pk}"


def violations(tenant, reason):
    return VIOLATIONS.labels(str(tenant.pk), reason)._value.get()


class TestQuota:
    def test_fact_027_the_bucket_with_its_limits_and_types(self, operator, tenant, fill):
        fill(tenant, "media", 3)
        fill(tenant, "vision", 0.75)

        assert operator.get(QUOTA).json() == {
            "total_gb": 3.75,
            "reserved_gb": 0.0,
            "limit_gb": 15.0,
            "usage_percent": 25.0,
            "by_type": {"media": 3.0, "vision": 0.75, "crawl": 0.0, "album": 0.0},
            "emergency_threshold_gb": 14.0,
            "last_updated": "2026-11-21T15:00:00+03:00",
        }

    def test_an_empty_bucket_was_never_updated(self, operator):
        body = operator.get(QUOTA).json()

        assert (body["total_gb"], body["usage_percent"], body["last_updated"]) == (0, 0, None)

    def test_reservations_are_told_apart_from_what_is_stored(self, operator, reserve):
        reserve(GIB)

        body = operator.get(QUOTA).json()

        assert (body["total_gb"], body["reserved_gb"]) == (0, 1)

    def test_it_costs_the_same_queries_however_many_tenants_there_are(self, operator, fill):
        def queries():
            with CaptureQueriesContext(connection) as captured:
                assert operator.get(QUOTA).status_code == 200
            return len(captured)

        fill(Tenant.objects.create(name="first"), "media", 1)
        queries()  # the first request of a session is noted
        one = queries()
        for number in range(20):
            fill(Tenant.objects.create(name=str(number)), "media", 0.1)

        assert queries() == one


class TestUsage:
    def test_fact_029_usage_is_what_a_tenant_has_stored_over_all_types(
        self, operator, tenant, bobs, fill
    ):
        fill(tenant, "media", 0.5)
        fill(tenant, "crawl", 0.25)
        fill(bobs, "media", 1)

        body = operator.get(usage_of(tenant)).json()

        assert body.pop("last_updated")
        assert body == {
            "tenant_id": str(tenant.pk),
            "usage_gb": 0.75,
            "reserved_gb": 0.0,
            "limit_gb": 2.0,
            "usage_percent": 37.5,
            "by_type": {"media": 0.5, "vision": 0.0, "crawl": 0.25, "album": 0.0},
        }

    def test_a_tenants_own_limit_is_the_one_that_counts(self, operator, tenant, fill):
        fill(tenant, "media", 1)
        Tenant.objects.update(limit_bytes=4 * GIB)

        body = operator.get(usage_of(tenant)).json()

        assert (body["limit_gb"], body["usage_percent"]) == (4, 25)

    def test_a_limit_of_nothing_is_full(self, operator, tenant):
        Tenant.objects.update(limit_bytes=0)

        assert operator.get(usage_of(tenant)).json()["usage_percent"] == 100

    def test_who_is_not_there_is_not_found(self, operator):
        answer = operator.get(f"/api/v1/storage/usage/{uuid.UUID(int=0)}")

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    @pytest.mark.parametrize("name", ["x", "%00", "1", "a%20b", "%ED%A0%80", "9" * 5000])
    def test_what_is_no_id_is_a_bad_value(self, operator, name):
        answer = operator.get(f"/api/v1/storage/usage/{name}")

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


class TestQuotaCheck:
    def test_fact_012_into_an_empty_bucket_it_fits(self, check):
        answer = check()

        assert answer.status_code == 200
        assert answer.json() == {
            "allowed": True,
            "reason": "",
            "current_usage_gb": 0.0,
            "tenant_limit_gb": 2.0,
            "bucket_usage_gb": 0.0,
            "type_usage_gb": 0.0,
            "requested_bytes": 1_024_000,
            "available_bytes": 2 * GIB,
        }
        assert not Reservation.objects.exists()

    def test_fact_013_over_the_tenants_limit_it_does_not_and_that_is_counted(
        self, check, tenant, fill
    ):
        fill(tenant, "media", 1.99)
        before = violations(tenant, "tenant_limit")

        body = check(size_bytes=int(0.02 * GIB)).json()

        assert (body["allowed"], body["reason"]) == (False, "tenant_limit")
        assert body["setting"] == "S3_PER_TENANT_LIMIT_GB"
        assert body["current_usage_gb"] == pytest.approx(1.99)
        assert violations(tenant, "tenant_limit") == before + 1

    def test_fact_014_landing_exactly_on_the_limit_fits_and_one_byte_more_does_not(
        self, check, tenant, fill
    ):
        fill(tenant, "media", 1.5)

        assert check(size_bytes=GIB // 2).json()["allowed"] is True
        assert check(size_bytes=GIB // 2 + 1).json()["allowed"] is False

    @pytest.mark.parametrize(
        ("content_type", "most"), [("media", 10), ("vision", 2), ("crawl", 2), ("album", 1)]
    )
    def test_fact_015_a_type_is_full_whoever_filled_it(
        self, check, fill, tenant, content_type, most
    ):
        for number in range(10):
            fill(Tenant.objects.create(name=str(number)), content_type, (most - 0.1) / 10)
        before = violations(tenant, "type_limit")

        body = check(content_type=content_type, size_bytes=int(0.2 * GIB)).json()

        assert body["reason"] == f"{content_type}_limit"
        assert body["type_usage_gb"] == pytest.approx(most - 0.1)
        assert violations(tenant, "type_limit") == before + 1

    def test_a_bucket_that_is_full_is_so_for_everybody(self, check, fill, tenant):
        for number in range(8):
            other = Tenant.objects.create(name=str(number))
            fill(other, "media", 1.2)
            fill(other, "vision", 0.2)
            fill(other, "crawl", 0.2)
        fill(other, "album", 2.1)
        before = violations(tenant, "bucket_full")

        body = check(content_type="album", size_bytes=GIB // 2).json()

        assert (body["reason"], body["bucket_usage_gb"]) == ("bucket_full", pytest.approx(14.9))
        assert violations(tenant, "bucket_full") == before + 1

    def test_a_refused_reservation_counts_too_and_once(self, tenant, now):
        before = violations(tenant, "tenant_limit")
        wants = [services.ReservationRequest(key(tenant), size) for size in (3 * GIB, 1, 4 * GIB)]

        services.reserve_many(tenant=tenant, content_type="media", requests=wants, now=now)

        assert violations(tenant, "tenant_limit") == before + 2

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("size_bytes", 0),
            ("size_bytes", -1),
            ("size_bytes", 2**63),
            ("size_bytes", "many"),
            ("size_bytes", None),
            ("size_bytes", 1.5),
            ("size_bytes", True),
            ("size_bytes", []),
            ("size_bytes", 1e300),
            ("size_bytes", "1" * 2000),
            ("content_type", "video"),
            ("content_type", "type\0"),
            ("content_type", ["media"]),
            ("content_type", {}),
            ("content_type", None),
            ("content_type", ""),
            ("tenant_id", "x"),
            ("tenant_id", 7),
            ("tenant_id", -1),
            ("tenant_id", 2**200),
            ("tenant_id", "\0"),
            ("tenant_id", None),
            ("tenant_id", True),
            ("tenant_id", {}),
            ("tenant_id", str(uuid.UUID(int=0))),
        ],
    )
    def test_fact_032_a_bad_value_is_refused_by_name(self, check, field, value):
        answer = check(**{field: value})

        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [field]

    def test_what_is_missing_is_named(self, operator):
        answer = operator.post(CHECK, {}, content_type="application/json")

        assert {error["field"] for error in answer.json()["errors"]} == {
            "tenant_id",
            "size_bytes",
            "content_type",
        }

    JSON = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text()
        | st.sampled_from(["media", "\0", "\U0001f600", "00000000-0000-0000-0000-000000000000"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    )
    FIELDS = st.sampled_from(["tenant_id", "size_bytes", "content_type", "extra"])

    @settings(
        max_examples=examples(150),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(body=st.dictionaries(FIELDS, JSON, max_size=4) | JSON)
    def test_fact_032_whatever_comes_it_is_no_failure_of_ours(self, operator, body):
        answer = operator.post(CHECK, json.dumps(body), content_type="application/json")

        assert answer.status_code == 422, answer.content
        assert answer["Content-Type"] == "application/problem+json"

    @settings(
        max_examples=examples(100),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(body=st.binary(min_size=1, max_size=200))
    def test_fact_032_nor_is_what_is_no_json(self, operator, body):
        answer = operator.generic("POST", CHECK, body, "application/json")

        assert answer.status_code in {400, 422}, answer.content


@contextmanager
def another_cleanup():
    """Hold the lock of a cleanup in another connection."""
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [advisory_locks.key_of(runner.LOCK)])
    try:
        yield
    finally:
        other.close()


class TestCleanup:
    """Pages that count 1 GiB each in the ledger; in the store they are a byte."""

    @pytest.fixture
    def pages(self, store, tenant):
        def make(count, size_gb=1):
            for number in range(count):
                stored = services.put_object(
                    tenant=tenant,
                    content_type="crawl",
                    key=key(tenant, f"{number}", "crawl"),
                    body=str(number).encode(),
                    mime="application/pdf",
                    now=timezone.now() - timedelta(days=30) + timedelta(minutes=number),
                )
                StoredObject.objects.filter(pk=stored.pk).update(size_bytes=int(size_gb * GIB))
            tenant.usage.update(total_bytes=int(count * size_gb * GIB))

        return make

    @pytest.fixture
    def clean(self, operator):
        def post(body=None):
            raw = b"" if body is None else json.dumps(body).encode()
            return operator.generic("POST", CLEANUP, raw, "application/json")

        return post

    def test_fact_024_without_a_body_usage_goes_down_to_the_configured_target(self, clean, pages):
        pages(14)

        body = clean().json()

        assert isinstance(body.pop("duration_seconds"), float)
        assert body == {
            "deleted_count": 2,
            "freed_gb": 2.0,
            "finished": True,
            "target_usage_gb": 12.0,
            "target_free_gb": 3.0,
            "usage_before_gb": 14.0,
            "usage_gb": 12.0,
        }

    def test_fact_024_there_may_be_nothing_to_do(self, clean):
        answer = clean()

        assert answer.status_code == 200
        body = answer.json()
        assert (body["deleted_count"], body["freed_gb"]) == (0, 0.0)
        assert body["duration_seconds"] == 0.0

    def test_fact_025_target_free_gb_is_free_space_in_the_bucket(self, clean, pages, tenant):
        pages(14)

        body = clean({"force": False, "target_free_gb": 12.0}).json()

        assert (body["deleted_count"], body["usage_gb"]) == (11, 3.0)
        assert (body["target_free_gb"], body["target_usage_gb"]) == (12.0, 3.0)
        oldest_left = StoredObject.objects.order_by("updated_at").first()
        assert oldest_left.key.endswith("/11")

    @pytest.mark.parametrize(
        "value",
        [-1, -1e-6, 15.1, 1e400, 1e300, "nan", "inf", "-inf", True, False, None, [], {}, "much"],
    )
    def test_fact_025_a_target_that_cannot_be_is_refused(self, clean, value):
        answer = clean({"target_free_gb": value})

        assert answer.status_code in {400, 422}
        if answer.status_code == 422:
            assert [error["field"] for error in answer.json()["errors"]] == ["target_free_gb"]

    @pytest.mark.parametrize("value", [None, [], {}, "perhaps", 7])
    def test_force_is_yes_or_no(self, clean, value):
        assert clean({"force": value}).status_code == 422

    def test_fact_026_below_the_threshold_nothing_goes_unless_forced(self, clean, pages):
        pages(13)

        calm = clean({"force": False, "target_free_gb": 12.0}).json()
        forced = clean({"force": True, "target_free_gb": 12.0}).json()

        assert (calm["deleted_count"], calm["usage_gb"]) == (0, 13.0)
        assert (forced["deleted_count"], forced["usage_gb"]) == (10, 3.0)

    def test_what_is_in_use_stays_however_much_is_asked_for(self, clean, tenant, fill):
        fill(tenant, "media", 14)

        body = clean({"force": True, "target_free_gb": 15}).json()

        assert (body["deleted_count"], body["usage_gb"], body["finished"]) == (0, 14.0, True)

    def test_two_at_once_are_one(self, clean):
        with another_cleanup():
            answer = clean({"force": True})

        assert (answer.status_code, answer.json()["code"]) == (409, "cleanup_running")

    @pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"{", b"\xff"])
    def test_a_body_of_another_kind_is_refused(self, operator, body):
        answer = operator.generic("POST", CLEANUP, body, "application/json")

        assert answer.status_code in {400, 422}

    def test_null_is_no_body(self, operator):
        assert operator.generic("POST", CLEANUP, b"null", "application/json").status_code == 200

    def test_a_form_that_is_empty_is_no_body(self, operator):
        form = "application/x-www-form-urlencoded"  # what `curl -X POST -d ''` sends

        assert operator.generic("POST", CLEANUP, b"", form).status_code == 200

    def test_fact_031_nobody_but_operators_cleans_up(self, client, bob, pages):
        pages(14)

        assert client.post(CLEANUP).status_code == 401
        assert bob.post(CLEANUP).status_code == 403
        assert StoredObject.objects.count() == 14


class TestStats:
    def test_fact_028_usage_limits_and_lifetimes(self, operator, tenant, fill):
        fill(tenant, "media", 3)

        assert operator.get("/api/v1/storage/stats").json() == {
            "current": {
                "total_gb": 3.0,
                "reserved_gb": 0.0,
                "limit_gb": 15.0,
                "usage_percent": 20.0,
                "by_type": {"media": 3.0, "vision": 0.0, "crawl": 0.0, "album": 0.0},
            },
            "limits": {
                "total_bucket_gb": 15.0,
                "emergency_threshold_gb": 14.0,
                "per_tenant_max_gb": 2.0,
                "media_max_gb": 10.0,
                "vision_max_gb": 2.0,
                "crawl_max_gb": 2.0,
                "album_max_gb": 1.0,
            },
            "policies": {
                "media_ttl_days": 30,
                "vision_ttl_days": 14,
                "crawl_ttl_days": 7,
                "album_ttl_days": 14,
                "compression_required": True,
            },
            "last_updated": "2026-11-21T15:00:00+03:00",
        }

    def test_stats_say_what_is_compressed_and_not_what_should_be(self, operator, settings):
        settings.S3 = settings.S3.model_copy(update={"use_compression": False})

        policies = operator.get("/api/v1/storage/stats").json()["policies"]

        assert policies["compression_required"] is False


class TestWhoIsAnswered:
    def test_fact_030_the_usage_of_another_tenant_is_not_there(self, bob, bobs, tenant):
        foreign = bob.get(usage_of(tenant))
        absent = bob.get(f"/api/v1/storage/usage/{uuid.UUID(int=0)}")

        assert bob.get(usage_of(bobs)).status_code == 200
        assert foreign.status_code == absent.status_code == 404
        assert foreign.json() | {"trace_id": ""} == absent.json() | {"trace_id": ""}

    def test_fact_030_nor_can_a_member_ask_what_another_may_store(self, check, bob, bobs):
        foreign = check(bob)
        absent = check(bob, tenant_id=str(uuid.UUID(int=0)))

        assert check(bob, tenant_id=str(bobs.pk)).status_code == 200
        assert foreign.status_code == absent.status_code == 422
        assert foreign.json() | {"trace_id": ""} == absent.json() | {"trace_id": ""}

    @pytest.mark.parametrize("path", ["quota", "stats"])
    def test_the_whole_bucket_is_for_who_may_view_every_tenant(self, bob, bobs, tenant, path):
        assert bob.get(f"/api/v1/storage/{path}").status_code == 403

        Membership.objects.create(user=User.objects.get(username="bob"), tenant=tenant)

        assert bob.get(f"/api/v1/storage/{path}").status_code == 200

    @pytest.mark.parametrize("role", ["viewer", "operator"])
    def test_cleaning_the_bucket_is_for_who_may_operate_every_tenant(self, bob, bobs, role):
        Membership.objects.update(role=role)

        answer = bob.post("/api/v1/storage/cleanup", {}, "application/json")

        assert answer.status_code == {"viewer": 403, "operator": 200}[role], answer.content

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", "quota"),
            ("get", f"usage/{uuid.UUID(int=0)}"),
            ("get", "stats"),
            ("post", "quota/check"),
            ("post", "cleanup"),
        ],
    )
    def test_nobody_gets_nothing(self, client, method, path):
        answer = getattr(client, method)(f"/api/v1/storage/{path}")

        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")

    def test_a_browser_gets_a_page(self, operator):
        answer = operator.get(QUOTA, headers={"Accept": "text/html"})

        assert answer.status_code == 200
        assert b"emergency_threshold_gb" in answer.content


class TestOwnLimits:
    def test_a_tenant_may_have_a_limit_of_its_own_by_type(self, check, tenant, fill):
        Tenant.objects.update(settings={"limits": {"media_gb": 0.5}})
        fill(tenant, "media", 0.25)

        assert check(size_bytes=GIB // 4).json()["allowed"] is True
        body = check(size_bytes=GIB // 4 + 1).json()

        assert (body["reason"], body["available_bytes"]) == ("media_limit", GIB // 4)
        assert check(size_bytes=GIB, content_type="vision").json()["allowed"] is True

    def test_what_others_store_does_not_count_against_it(self, check, tenant, bobs, fill):
        Tenant.objects.filter(pk=tenant.pk).update(settings={"limits": {"media_gb": 0.5}})
        fill(bobs, "media", 1.5)

        assert check(size_bytes=GIB // 2).json()["allowed"] is True

    def test_it_raises_no_other_limit(self, check, tenant, fill):
        Tenant.objects.update(settings={"limits": {"album_gb": 500}})

        assert check(size_bytes=GIB + 1, content_type="album").json()["reason"] == "album_limit"

    def test_a_limit_that_cannot_be_read_is_no_yes_and_no_no(self, check):
        Tenant.objects.update(settings={"limits": {"media_gb": "lots"}})

        answer = check()

        assert (answer.status_code, answer.json()["code"]) == (503, "retry_later")
