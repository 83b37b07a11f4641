"""A full quota is told in the reader's language; the log stays English."""

from django.utils.translation import override

from events.console import translated
from storage_quota.limits import QuotaCeilings, QuotaForecast, QuotaUsage


def test_why_bytes_do_not_fit_is_said_in_russian():
    usage = QuotaUsage(bucket=90, tenant=9, type=9, own_type=9)
    ceilings = QuotaCeilings(bucket=100, tenant=10, tenant_is_own=True, type=100, own_type=None)
    full = QuotaForecast("tenant_limit", 5, 1, usage, ceilings)

    with override("ru"):
        said = translated(str(full))

    assert str(full).startswith("tenant_limit: 5 B > 1 B free of 10 B; raised by the tenant's own")
    assert said == (
        "tenant_limit: 5 Б > свободных 1 Б из 10 Б; увеличивает собственный лимит тенанта в консоли"
    )
