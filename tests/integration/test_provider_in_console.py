"""What the console says of a GigaChat that fails, in Russian, and no longer than it is true."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from events.console import list_of
from tests import factories as make
from vision.models import PaidAnalysis, ProviderHealth
from vision.providers.gigachat import sentences

pytestmark = pytest.mark.django_db
UNWELL = sentences.UNWELL % {"said": "HTTP 500: out of cheese"}


@pytest.fixture
def html(admin_client):
    def _html(address: str) -> str:
        return admin_client.get(address, headers={"Accept-Language": "ru"}).content.decode()

    return _html


def _failing() -> ProviderHealth:
    until = timezone.now() + timedelta(minutes=1)
    return ProviderHealth.objects.create(
        provider="gigachat", failures=5, open_until=until, details=UNWELL
    )


def test_the_failure_stands_there_in_russian_and_is_gone_once_all_is_well(html):
    row = _failing()

    assert "Сбой на стороне GigaChat: HTTP 500: out of cheese" in html(list_of(ProviderHealth))
    ProviderHealth.objects.filter(pk=row.pk).update(failures=0, open_until=None)
    page = html(list_of(ProviderHealth))
    assert "работает" in page
    assert "HTTP 500" not in page


def test_names_of_httpx_are_told_in_words(html):
    ProviderHealth.objects.create(
        provider="gigachat", failures=1, details=sentences.NOT_REACHED % {"error": "ReadTimeout"}
    )

    assert "GigaChat недоступен: за отведённое время ответа нет" in html(list_of(ProviderHealth))


def test_the_first_page_says_that_gigachat_is_not_asked_and_what_waits_for_it(html, gigachat):
    address = list_of(ProviderHealth)
    assert f'href="{address}" class="console-figure' not in html(reverse("admin:index"))

    _failing()
    PaidAnalysis.objects.create(
        tenant=make.tenant(), sha256="a" * 64, provider="gigachat", model="GigaChat-Pro",
        schema_version="1.0", state="waiting", wait_reason="circuit_open",
    )  # fmt: skip

    page = html(reverse("admin:index"))
    assert f'href="{address}" class="console-figure console-alarm"' in page
    assert "отключён после ошибок" in page
    assert f'href="{list_of(PaidAnalysis)}?state__exact=waiting"' in page


def test_a_slip_in_a_tenants_policy_is_told_in_russian(admin_client):
    tenant = make.tenant()
    form = {
        "name": tenant.name, "initial-name": tenant.name, "limit_bytes": "",
        "settings": '{"vision_policy": {"limits": {"max_daily_tokens": 5}}}',
        "memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0,
    }  # fmt: skip
    address = reverse("admin:accounts_tenant_change", args=[tenant.pk])

    page = admin_client.post(address, form, headers={"Accept-Language": "ru"}).content.decode()

    assert "vision_policy: limits.max_daily_tokens: такого ключа нет" in page
