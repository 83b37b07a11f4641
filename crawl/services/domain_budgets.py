"""Budgets that people set for single domains."""

from datetime import datetime

from django.db import transaction

from crawl.models import CrawlDomain, CrawledPage, PageState
from crawl.reasons import Reason


def save(domain: CrawlDomain, *, now: datetime) -> int:
    """
    Write the budget of a domain; returns how many of its pages, which waited for it, are due.

    The next run of the job asks for them; those that are too many wait once more.
    """
    with transaction.atomic():
        # Nothing but the budget: the counts may have gone on since the form was opened.
        domain.save(update_fields=["budget"])
        waiting = CrawledPage.objects.filter(
            tenant=domain.tenant_id,
            host=domain.host,
            state=PageState.WAITING,
            reason=Reason.DOMAIN_BUDGET,
        )
        return waiting.update(due_at=now)
