"""Checks of the storage in the console."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from events.console import list_of, page_of
from storage_quota import ledger
from storage_quota.models import IntegrityCheck, IntegrityFinding, Orphan
from tests import factories as make
from tests.integrity_fixtures import medium, objects, smuggle
from tests.storage_fixtures import in_ledger

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("store"),
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]


@pytest.fixture
def admin(client):
    client.force_login(User.objects.create_superuser("admin"))
    client.cookies["django_language"] = "en"
    return client


def html(client, address, **query):
    answer = client.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def act(client, action, *keys):
    return client.post(
        list_of(Orphan), {"action": action, "_selected_action": list(keys)}, follow=True
    ).content.decode()


@pytest.fixture
def orphan(tenant, checked, later):
    """A medium in the bucket without an entry in the ledger."""
    key = medium(tenant, b"the last copy")
    ledger.remove([key], now=later)
    checked(repair=True)
    return key


def test_a_check_shows_its_differences_and_leads_to_them(admin, store, checked, tenant):
    key = medium(tenant, b"picture")
    medium(tenant, b"other")
    store.delete(key)
    check = checked().check

    page = html(admin, page_of(IntegrityCheck, check.pk))
    listed = html(admin, list_of(IntegrityFinding), check_run__id__exact=check.pk)
    one = html(admin, page_of(IntegrityFinding, IntegrityFinding.objects.get().pk))

    assert "1, not repaired: 1" in page
    assert f"check_run__id__exact={check.pk}" in page
    assert key in listed
    assert key in one
    assert key in html(admin, list_of(IntegrityFinding), repaired="0")
    assert key not in html(admin, list_of(IntegrityFinding), repaired="1")


def test_nobody_edits_what_a_check_found(admin, orphan):
    for model in (IntegrityCheck, IntegrityFinding, Orphan):
        name = model._meta.model_name
        assert admin.get(reverse(f"admin:storage_quota_{name}_add")).status_code == 403
        row = model.objects.first()
        assert admin.post(page_of(model, row.pk), {}).status_code == 403


@pytest.mark.costly
def test_lists_cost_the_same_for_one_row_and_twenty(admin, checked, tenant, later):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            for model in (IntegrityCheck, IntegrityFinding, Orphan):
                html(admin, list_of(model))
        return len(captured)

    smuggle(f"media/{tenant.pk}/0")
    checked()
    queries()
    one = queries()
    for number in range(1, 20):
        smuggle(f"media/{tenant.pk}/{number}")
        checked(now=later + timedelta(hours=number))

    assert queries() == one


def test_an_orphan_is_taken_into_the_ledger_by_a_person(admin, orphan):
    page = act(admin, "adopt", orphan)

    assert "1 object was added to the ledger." in page
    assert in_ledger() == objects()


def test_what_cannot_be_taken_into_the_ledger_says_why(admin, checked, tenant):
    key = smuggle(f"media/{tenant.pk}/stray.png")
    checked()

    page = act(admin, "adopt", key)

    assert "not an object of this product" in page
    assert "0 objects were added to the ledger." in page
    assert in_ledger() == {}


def test_an_orphan_is_accepted_by_a_person(admin, checked):
    key = smuggle("backup.tar")
    assert not checked().clean

    assert "1 object is accepted." in act(admin, "accept", key)

    assert checked().clean


def test_who_may_only_look_is_offered_no_action(client, orphan):
    client.force_login(make.member("viewer"))

    page = html(client, list_of(Orphan))
    act(client, "accept", orphan)

    assert orphan in page
    assert 'name="action"' not in page
    assert not Orphan.objects.get().accepted


@pytest.mark.costly
def test_the_panel_turns_red_for_problems_failures_and_silence(
    admin, store, checked, tenant, monkeypatch, later
):
    index, link = reverse("admin:index"), f'href="{list_of(IntegrityCheck)}" class="console-figure'
    key = medium(tenant, b"picture")
    assert f'{link}"' in html(admin, index)
    checked()
    monkeypatch.setattr(timezone, "now", lambda: later)
    sound = html(admin, index)
    IntegrityCheck.objects.update(finished_at=later - timedelta(days=15))
    stale = html(admin, index)
    smuggle(key, b"another one")
    checked()
    problems = html(admin, index)

    assert f'{link}"' in sound
    assert "sound" in sound
    assert f"{link} console-alarm" in stale
    assert f"{link} console-alarm" in problems
    assert "differences: 1" in problems
