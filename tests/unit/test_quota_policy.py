"""Decisions about limits: when would more space in the bucket alone let an upload in?"""

import pytest

from storage_quota.limits import QuotaCeilings, QuotaUsage, decide


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
