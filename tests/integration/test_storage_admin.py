import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Tenant, User
from storage_quota import services
from storage_quota.models import Reservation, StoredObject
from tests.storage_fixtures import key

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("store"),
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

NO_MEMBERS = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
PAGES = ["storage_quota_tenantusage", "storage_quota_storedobject", "storage_quota_reservation"]


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("admin"))
    return client


@pytest.fixture
def fill(now):
    def make(number):
        tenant = Tenant.objects.create(name=f"tenant {number}")
        services.put_object(
            tenant=tenant,
            content_type="media",
            key=key(tenant),
            body=b"x" * 2048,
            mime="image/png",
            now=now,
        )
        services.reserve(
            tenant=tenant,
            content_type="vision",
            key=key(tenant, "", "vision"),
            size_bytes=5,
            now=now,
        )

    return make


@pytest.mark.parametrize("page", ["accounts_tenant", *PAGES])
def test_one_row_and_twenty_rows_cost_the_same_queries(staff, fill, page):
    url = reverse(f"admin:{page}_changelist")

    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert staff.get(url).status_code == 200
        return len(captured)

    fill(0)
    queries()
    one = queries()
    for number in range(1, 20):
        fill(number)

    assert queries() == one


def test_an_object_is_found_by_a_part_of_its_key_and_shown_with_its_size(staff, fill):
    fill(0)
    stored = StoredObject.objects.get()
    url = reverse("admin:storage_quota_storedobject_changelist")

    found = staff.get(url, {"q": stored.key[-8:]}).content.decode()
    absent = staff.get(url, {"q": "nowhere"}).content.decode()

    assert stored.key in found
    assert "2,0" in found or "2.0" in found
    assert stored.key not in absent


def test_objects_reservations_and_usage_can_be_looked_at_but_not_changed(staff, fill):
    fill(0)
    for page in PAGES:
        assert staff.get(reverse(f"admin:{page}_add")).status_code == 403

    url = reverse("admin:storage_quota_storedobject_change", args=[StoredObject.objects.get().pk])
    assert staff.get(url).status_code == 200
    assert staff.post(url, {"size_bytes": 1}).status_code == 403


def test_a_tenant_can_be_given_a_limit(staff, tenant):
    url = reverse("admin:accounts_tenant_change", args=[tenant.pk])

    answer = staff.post(
        url, NO_MEMBERS | {"name": "Alice", "limit_bytes": "1000", "settings": "{}"}
    )

    assert answer.status_code == 302
    tenant.refresh_from_db()
    assert tenant.limit_bytes == 1000


def test_an_expired_reservation_is_marked(staff, reserve, now):
    reserve(5)
    Reservation.objects.update(expires_at=now.replace(year=2000))

    page = staff.get(reverse("admin:storage_quota_reservation_changelist")).content.decode()

    assert "icon-yes" in page


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"limits": {"media_gb": -1}}', "limits: media_gb: нужно число ГиБ от 0 до 1000000"),
        ('{"limits": {"media_gb": "1"}}', "limits: media_gb: нужно число"),
        ('{"limits": {"media_gb": NaN}}', "limits: media_gb: нужно число"),
        ('{"limits": {"media_gb": 1e400}}', "limits: media_gb: нужно число"),
        ('{"limits": {"video_gb": 1}}', "limits: video_gb: такой настройки нет; есть: media_gb"),
        ('{"limits": []}', "limits: Input should be a valid dictionary"),
        ('{"vision_policy": {"limits": {"max_image_mb": -1}}}', "vision_policy: limits.max_image"),
        ('{"vision_policy": 7}', "vision_policy: "),
        ('{"tagging": {"tagger": "yake"}}', "tagging: tagger: допустимо одно из: local, gigachat"),
        ('{"tagging": {"tagger": ["gigachat"]}}', "tagging: tagger: допустимо одно из"),
        ('{"tagging": {"tagger": "gigachat"}}', "tagging: tagger: GigaChat в этой установке"),
        ('{"limit": {}}', "limit: такого раздела нет"),
        ("[1]", "Настройки – это объект из разделов"),
        ("nonsense", "JSON"),
    ],
)
def test_settings_of_a_tenant_that_say_nothing_useful_are_refused(staff, tenant, text, complaint):
    url = reverse("admin:accounts_tenant_change", args=[tenant.pk])

    answer = staff.post(url, NO_MEMBERS | {"name": "Alice", "settings": text})

    assert answer.status_code == 200
    assert complaint in str(answer.context["errors"])
    tenant.refresh_from_db()
    assert tenant.settings == {}


def test_a_tenant_can_be_given_limits_by_type(staff, tenant):
    url = reverse("admin:accounts_tenant_change", args=[tenant.pk])
    wanted = {
        "limits": {"media_gb": 1.5, "album_gb": 0},
        "vision_policy": {"limits": {"max_daily_tokens_per_tenant": 70}},
    }

    staff.post(url, NO_MEMBERS | {"name": "Alice", "settings": json.dumps(wanted)})

    tenant.refresh_from_db()
    assert tenant.settings == wanted


@pytest.mark.parametrize("empty", ["", "{}", "null"])
def test_settings_may_be_left_empty(staff, tenant, empty):
    url = reverse("admin:accounts_tenant_change", args=[tenant.pk])

    assert staff.post(url, NO_MEMBERS | {"name": "Al", "settings": empty}).status_code == 302
    tenant.refresh_from_db()
    assert tenant.settings == {}
