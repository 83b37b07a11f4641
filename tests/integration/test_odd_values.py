"""
No address of the console or the API answers an odd value with a failure of the server.

Every list with every parameter it knows, and every page of a row, gets values that no row can
have. A run of the suite takes some of them by its seed; `make long` takes all.
"""

import itertools
import json
import random
import uuid

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction
from django.urls import reverse

from accounts.models import Tenant
from media.admin import PostAdmin
from tests import factories as make

pytestmark = pytest.mark.django_db

HUGE = "9" * 40
ODD = (
    "", "%00", "a%00b", "%FF%FE", "%ED%A0%80", "-5", "0", "10000", "999999999999999999999", HUGE, "1e400",
    "NaN", "1.5", "2026-13-45", "0001-01-01", "9999-12-31", "0001-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59-14:00", "true", "None", "[]", "a,b,,", "..", "%27%22%3B--", "%D9%A3", "%C2%B2",
    "9223372036854775808", "-9223372036854775809", "0x10", "(", "[", "a,b", "1,NaN", "{", "2026-01-01",
    "%F0%9F%92%A9", "a" * 5000, str(uuid.UUID(int=0)),
)  # fmt: skip
OF_EVERY_LIST = (
    "q",
    "o",
    "p",
    "e",
    "all",
    "_facets",
    "_to_field",
    "_popup",
    "id",
    "nonsense__x",
    "id__range",
    "pk__range",
    "id__in",
    "id__isnull",
    "pk__lt",
    "id__regex",
)
OF_DATES = (
    "year",
    "month",
    "day",
    "date",
    "gte",
    "lt",
    "isnull",
    "week",
    "range",
    "in",
    "year__gte",
    "date__range",
    "hour__in",
    "time",
    "iso_year",
    "regex",
)
OF_OTHERS = (
    "exact",
    "id__exact",
    "in",
    "isnull",
    "isempty",
    "gt",
    "range",
    "regex",
    "iregex",
    "contains",
    "contained_by",
    "has_key",
    "len",
    "0",
    "year__gte",
)
DEEP = (
    "range",
    "regex",
    "contains",
    "contained_by",
    "has_key",
    "len",
    "__0",
    "__gte",
    "__in",
    "time",
    "iso_year",
)
"""Ends of lookups that take less than all of the values, as there are many of them."""
FEW = ("", "%00", "-5", HUGE, "NaN", "(", "{", "a,b", "2026-01-01", "%D9%A3", "9223372036854775808")
PAGES = ("change", "history", "delete")


def name_of(model) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}"


def parameters(model_admin) -> set[str]:
    """The parameters of a list: what its filters and its line of dates understand, and more."""
    found = set(OF_EVERY_LIST)
    for one in (*model_admin.list_filter, model_admin.date_hierarchy):
        if isinstance(one, type):
            found.add(one.parameter_name)
        elif one:
            field = one[0] if isinstance(one, tuple) else one
            is_date = isinstance(model_admin.opts.get_field(field), models.DateField)
            found |= {f"{field}__{lookup}" for lookup in (OF_DATES if is_date else OF_OTHERS)}
    return found


def addresses_of_lists() -> list[str]:
    return [
        f"{reverse(f'{name_of(model)}_changelist')}?{parameter}={value}"
        for model, model_admin in admin.site._registry.items()
        for parameter in sorted(parameters(model_admin))
        for value in (FEW if parameter.endswith(DEEP) else ODD)
    ]


def addresses_of_new_rows() -> list[str]:
    """The page of a new row with each of its fields filled in by the address."""
    return [
        f"{reverse(f'{name_of(model)}_add')}?{field.name}={value}"
        for model in admin.site._registry
        for field in (*model._meta.fields, *model._meta.many_to_many)
        if field.editable
        for value in ODD
    ]


def addresses_of_rows() -> list[str]:
    lists = [reverse(f"{name_of(model)}_changelist") for model in admin.site._registry]
    odd = [value for value in ODD if value not in {"", ".."}]
    return [f"{one}{value}/{page}/" for one in lists for value in odd for page in PAGES] + [
        f"/admin/r/{content_type.pk}/{value}/"
        for content_type in ContentType.objects.all()
        for value in odd
    ]


OTHERS = (
    "/admin/autocomplete/?app_label=accounts&model_name=membership&field_name=user&term=%00",
    "/admin/autocomplete/?app_label=accounts&model_name=membership&field_name=user&page=-1&term=a",
    "/admin/autocomplete/?app_label=%00&model_name=%00&field_name=%00",
    "/admin/login/?next=%00",
    "/admin/%00/",
    "/admin/r/99999999999999999999999/1/",
    "/admin/media/post/?posted_at__year=2026&posted_at__year=%00",
    "/admin/media/post/?posted_at__year=2026&posted_at__month=13&posted_at__day=40",
    "/admin/media/post/?posted_at__month=2&posted_at__day=31",
    "/admin/media/post/?posted_at__day=31",
    "/admin/media/post/?posted_at__year=0&posted_at__month=0",
    "/admin/media/post/?o=9999.-9999..x&p=9999999999999999999999&all=",
    "/admin/storage_quota/tenantusage/cleanup/?target_gb=%00",
    "/admin/storage_quota/tenantusage/cleanup/?target_gb=1e400",
    "/admin/vision/postenrichment/reanalyze/?channel=%00",
    "/metrics?%00=%00",
    "/api/schema/?format=%00",
    "/api/docs/?lang=%00",
)  # fmt: skip


def failing(client, addresses, method="get") -> list[tuple[str, int]]:
    """What is answered by a failure; each request in a savepoint, as the database may refuse it."""
    client.raise_request_exception = False
    failed = []
    for address in addresses:
        with transaction.atomic():
            status = getattr(client, method)(address).status_code
            transaction.set_rollback(True)  # it may be aborted by what was refused
        if status >= 500:
            failed.append((address[:150], status))
    return failed


@pytest.fixture
def some(pytestconfig):
    """So many of the addresses, chosen by the run's seed."""

    def chosen(addresses, number: int) -> list[str]:
        dice = random.Random(pytestconfig.getoption("hypothesis_seed"))
        return dice.sample(addresses, min(number, len(addresses)))

    return chosen


@pytest.fixture
def filled(archive):
    return archive.post(b"picture")


@pytest.mark.usefixtures("filled")
def test_report_16_no_list_fails_with_an_odd_value(admin_client, some, shared_data):
    limit = json.loads((shared_data / "reports/16-console-500/expected.json").read_text())
    reported = (
        "/admin/media/post/?media_kind__exact=%00",
        "/admin/media/post/?posted_at__year=999999999999999999999",
        "/admin/albums/mediagroup/?posted_at__year=999999999999999999999",
        "/admin/vision/paidanalysis/?posted_at__year=-5",
        "/admin/events/outboxevent/?created_at__gte=0001-01-01",
        "/admin/events/outboxevent/?created_at__lt=9999-12-31",
    )

    assert failing(admin_client, [*reported, *some(addresses_of_lists(), 75)]) == []
    assert limit["status_below"] == 500


LOOKUPS = (
    "id__range=9223372036854775808", "id__range=%D9%A1", "pk__range=1", "id__range=", "id__range=1,2,3",
    "id__in=9223372036854775808,NaN", "id__isnull=maybe", "id__regex=(", "pk__contains=%00",
)  # fmt: skip


@pytest.mark.costly
@pytest.mark.usefixtures("filled")
def test_no_list_fails_with_an_odd_lookup(admin_client, some):
    lists = [reverse(f"{name_of(model)}_changelist") for model in admin.site._registry]

    looked_up = [f"{one}?{look}" for one in lists for look in LOOKUPS]
    assert failing(admin_client, some(looked_up, 100)) == []


@pytest.mark.costly
def test_no_page_of_a_new_row_fails_with_an_odd_value(admin_client, some):
    page = "/admin/accounts/membership/add/"
    reported = [
        *(f"{page}?tenant={one}" for one in ("-1", "NaN", "%D9%A0", "0x10", "%FF%FE", "%ED%A0%80")),
        *(f"{page}?user={one}" for one in ("true", str(uuid.UUID(int=0)), "%ED%A0%80", HUGE)),
        "/admin/accounts/user/add/?groups=1,x",
        "/admin/django_q/schedule/add/?next_run=2026-01-01",
        "/admin/django_q/schedule/add/?cron=x",  # its validator needs a package that is not there
        "/admin/django_q/schedule/add/?next_run=0001-01-01T00:00:00%2B14:00",
    ]

    assert failing(admin_client, [*reported, *some(addresses_of_new_rows(), 50)]) == []


def test_what_a_field_can_take_is_filled_in(admin_client, admin_user):
    tenant = Tenant.objects.first() or make.tenant()
    address = f"/admin/accounts/membership/add/?tenant={tenant.pk}&user=true"

    initial = admin_client.get(address).context["adminform"].form.initial

    assert initial == {"tenant": str(tenant.pk)}


def test_a_missing_table_stays_a_failure(admin_client):
    """What is wrong with the installation is not the address's fault, whatever that asks for."""
    admin_client.raise_request_exception = False
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE vision_call_cost RENAME TO away")
        with transaction.atomic():
            status = admin_client.get("/admin/vision/callcost/?id__exact=1").status_code
            transaction.set_rollback(True)
        transaction.set_rollback(True)

    assert status == 500


@pytest.mark.costly
@pytest.mark.usefixtures("filled")
def test_no_page_of_a_row_and_no_other_page_fails_with_an_odd_value(admin_client, some):
    assert failing(admin_client, [*OTHERS, *some(addresses_of_rows(), 30)]) == []


@pytest.mark.usefixtures("filled")
def test_an_impossible_value_leads_back_to_the_list_as_a_wrong_one_does(admin_client):
    answer = admin_client.get("/admin/media/post/?media_kind__exact=%00")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/media/post/?e=1")


@pytest.mark.usefixtures("filled")
def test_a_failure_that_no_value_is_to_blame_for_stays_a_failure(admin_client, monkeypatch):
    """A list without parameters: whatever is wrong there is a bug, and has to be heard of."""
    monkeypatch.setattr(PostAdmin, "get_queryset", lambda *_: int("a bug"))
    admin_client.raise_request_exception = False

    assert admin_client.get("/admin/media/post/").status_code == 500


@pytest.mark.costly
@pytest.mark.usefixtures("filled")
def test_an_action_on_rows_that_cannot_be_is_refused(admin_client, some):
    admin_client.raise_request_exception = False
    actions = [
        (reverse(f"{name_of(model)}_changelist"), action, chosen)
        for model in admin.site._registry
        for action in ("delete_selected", "replay", "retry", "\0")
        for chosen in ("\0", "nonsense", HUGE, "-1", "")
    ]
    bad = []
    for address, action, chosen in some(actions, 30):
        with transaction.atomic():
            sent = {"action": action, "_selected_action": chosen}
            status = admin_client.post(address, sent).status_code
        bad += [(address, action, chosen)] if status >= 500 else []

    assert bad == []


@pytest.mark.costly
@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("method", ["get", "post"])
def test_no_endpoint_of_the_api_fails_with_an_odd_value(admin_client, some, method):
    lists = ("/api/v1/vision/posts", "/api/v1/vision/stats", "/api/v1/storage/stats")
    names = (
        "page",
        "page_size",
        "channel_id",
        "has_meme",
        "provider",
        "analyzed_after",
        "tenant_id",
        "format",
    )
    paths = ("/api/v1/vision/posts/{}", "/api/v1/vision/media/{}", "/api/v1/storage/usage/{}",
             "/api/v1/vision/media/" + "a" * 64 + "?tenant_id={}")  # fmt: skip
    addresses = [
        f"{one}?{name}={value}" for one, name, value in itertools.product(lists, names, ODD)
    ]
    addresses += [path.format(value) for path in paths for value in ODD]

    assert failing(admin_client, some(addresses, 60), method) == []


@pytest.mark.parametrize("cookie", ['"\\000\\000aaaaaaaaaa"', "x" * 5000, "\u00e9" * 10])
@pytest.mark.django_db
def test_no_odd_session_fails(client, cookie):
    client.raise_request_exception = False
    client.cookies.load(f"sessionid={cookie}")

    assert client.get("/admin/media/post/?q=a").status_code < 500


@pytest.mark.long
@pytest.mark.usefixtures("filled")
def test_no_list_fails_with_any_odd_value(admin_client):
    assert failing(admin_client, addresses_of_lists()) == []


@pytest.mark.long
@pytest.mark.usefixtures("filled")
def test_no_page_of_a_row_fails_with_any_odd_id(admin_client):
    assert failing(admin_client, addresses_of_rows()) == []


@pytest.mark.long
def test_no_page_of_a_new_row_fails_with_any_odd_value(admin_client):
    assert failing(admin_client, addresses_of_new_rows()) == []
