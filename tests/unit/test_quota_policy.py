"""Decisions about limits: when would more space in the bucket alone let an upload in?"""

import pytest

from storage_quota.limits import QuotaCeilings, QuotaUsage, decide
from telegram_assistant.config.servers.storage import S3


def outlook(usage, ceilings, requested=10):
    return decide(content_type="media", requested=requested, usage=usage, ceilings=ceilings)


@pytest.mark.parametrize(
    ("usage", "ceilings", "only_bucket"),
    [
        (QuotaUsage(100, 20, 20), QuotaCeilings(100, 50, 80), True),
        (QuotaUsage(100, 45, 20), QuotaCeilings(100, 50, 80), False),
        (QuotaUsage(100, 20, 75), QuotaCeilings(100, 50, 80), False),
        (QuotaUsage(100, 20, 20, own_type=5), QuotaCeilings(100, 50, 80, own_type=14), False),
        (QuotaUsage(100, 20, 20, own_type=4), QuotaCeilings(100, 50, 80, own_type=14), True),
        (QuotaUsage(50, 20, 20), QuotaCeilings(100, 50, 80), False),
    ],
)
def test_a_cleanup_is_of_use_where_no_narrower_limit_is_reached(usage, ceilings, only_bucket):
    assert outlook(usage, ceilings).only_bucket_is_full is only_bucket


def test_the_only_tenant_of_a_bucket_is_not_kept_out_by_a_limit_as_wide_as_the_bucket():
    assert outlook(QuotaUsage(100, 100, 80), QuotaCeilings(100, 100, 100)).only_bucket_is_full


def test_what_is_larger_than_the_bucket_needs_no_cleanup():
    forecast = outlook(QuotaUsage(0, 0, 0), QuotaCeilings(100, 500, 500), requested=101)

    assert forecast.reason == "bucket_full"
    assert not forecast.only_bucket_is_full


@pytest.mark.parametrize(
    ("used", "own", "text"),
    [
        (
            {"bucket": 1000},
            {},
            "bucket_full: 50 B > 0 B free of 1000 B; raised by S3_TOTAL_LIMIT_GB",
        ),
        (
            {"tenant": 190},
            {},
            "tenant_limit: 50 B > 10 B free of 200 B; raised by S3_PER_TENANT_LIMIT_GB",
        ),
        (
            {"tenant": 190},
            {"tenant_is_own": True},
            "tenant_limit: 50 B > 10 B free of 200 B; raised by the tenant's own limit in the console",
        ),
        (
            {"type": 480},
            {},
            "media_limit: 50 B > 20 B free of 500 B; raised by S3_MEDIA_MAX_GB",
        ),
        (
            {"own_type": 90},
            {"own_type": 100},
            "media_limit: 50 B > 10 B free of 100 B; raised by limits.media_gb in the tenant's settings",
        ),
    ],
)
def test_a_refusal_names_the_limit_and_what_raises_it(used, own, text):
    usage = QuotaUsage(**({"bucket": 0, "tenant": 0, "type": 0} | used))
    ceilings = QuotaCeilings(**({"bucket": 1000, "tenant": 200, "type": 500} | own))

    forecast = decide(content_type="media", requested=50, usage=usage, ceilings=ceilings)

    assert str(forecast) == text


def test_what_raises_a_limit_is_a_setting_that_exists():
    for kind in ("media", "vision", "crawl", "album"):
        assert f"{kind}_max_gb" in S3.model_fields
    assert {"total_limit_gb", "per_tenant_limit_gb"} <= set(S3.model_fields)
