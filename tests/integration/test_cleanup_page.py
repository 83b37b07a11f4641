"""The console's cleanup page: it shows a plan, and deletes after a confirmation."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Tenant
from storage_quota import services
from storage_quota.admin import cleanup
from storage_quota.units import GIB
from tests import factories
from tests.storage_fixtures import in_bucket, in_ledger, key

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]

ADDRESS = "admin:storage_quota_cleanup"
NOTHING = {"target_gb": "0"}


@pytest.fixture
def page(tenant):
    at = key(tenant, "page", "crawl")
    services.put_object(
        tenant=tenant,
        content_type="crawl",
        key=at,
        body=b"x" * 10,
        mime="application/pdf",
        now=timezone.now() - timedelta(days=9),
    )
    return at


@pytest.fixture
def operator(client):
    client.force_login(factories.superuser())
    client.cookies["django_language"] = "en"
    return client


def test_the_page_shows_what_would_go_and_deletes_nothing(operator, page, store):
    shown = operator.get(reverse(ADDRESS), NOTHING).content.decode()

    assert page in shown
    assert "crawled pages older than 3 days" in shown
    assert set(in_bucket(store)) == set(in_ledger()) == {page}


def test_what_was_shown_goes_after_a_confirmation(operator, page, store):
    answer = operator.post(reverse(ADDRESS), NOTHING, follow=True)

    assert "1 object deleted" in answer.content.decode()
    assert "There is nothing to delete" in answer.content.decode()
    assert in_bucket(store) == in_ledger() == {}


def test_in_russian_the_page_confirms_what_it_shows(operator, page, settings):
    operator.cookies["django_language"] = "ru"
    settings.CLEANUP = replace(settings.CLEANUP, target_bytes=5)
    shown = operator.get(reverse(ADDRESS)).content.decode()
    [hidden] = re.findall(r'type="hidden" name="target_gb" value="([^"]+)"', shown)

    answer = operator.post(reverse(ADDRESS), {"target_gb": hidden})

    assert "страницы" in shown
    assert answer.status_code == 302
    assert not in_ledger()


def test_the_target_of_the_settings_is_proposed(operator, page):
    answer = operator.get(reverse(ADDRESS))

    assert answer.context["form"]["target_gb"].value() == 12
    assert not answer.context["preview"].rows


@pytest.mark.parametrize("target", ["", "-1", "lots", "nan"])
def test_a_target_that_is_none_deletes_nothing(operator, page, target):
    answer = operator.post(reverse(ADDRESS), {"target_gb": target})

    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert len(in_ledger()) == 1


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_it_is_for_those_who_may_operate_every_tenant(client, page, role):
    own = Tenant.objects.get()
    if role == "operator":  # of one tenant of two, which share the bucket
        factories.tenant()
    client.force_login(factories.member(role, own))

    assert client.get(reverse(ADDRESS)).status_code == 403
    assert client.post(reverse(ADDRESS), NOTHING).status_code == 403
    listing = client.get(reverse("admin:storage_quota_tenantusage_changelist"))
    assert reverse(ADDRESS) not in listing.content.decode()
    assert len(in_ledger()) == 1


def test_nobody_deletes_without_a_login(client, page):
    assert client.post(reverse(ADDRESS), NOTHING).status_code == 302
    assert len(in_ledger()) == 1


def test_the_list_of_usage_leads_to_it(operator, page):
    listing = operator.get(reverse("admin:storage_quota_tenantusage_changelist"))

    assert reverse(ADDRESS) in listing.content.decode()


def test_a_store_that_is_away_is_told(operator, page, store):
    store.down = True

    answer = operator.post(reverse(ADDRESS), NOTHING, follow=True)

    assert "switched off" in answer.content.decode()
    assert len(in_ledger()) == 1


def test_long_cleanups_go_on_with_another_confirmation(operator, page, monkeypatch):
    monkeypatch.setattr(cleanup, "TIME_BOX", timedelta())

    answer = operator.post(reverse(ADDRESS), NOTHING, follow=True)

    assert "confirm again" in answer.content.decode()


def test_the_plan_ends_where_the_target_is_reached(operator, page, tenant):
    target = {"target_gb": str(10 / GIB)}

    assert "There is nothing to delete" in operator.get(reverse(ADDRESS), target).content.decode()
