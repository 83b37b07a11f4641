"""What an administrator of a tenant cannot find out from the console: not by counting, not by looking."""

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory

from accounts.models import UNKNOWN_ADDRESS, BrowserSession, Membership, Role, Tenant, User
from events.console import list_of, page_of
from tests import factories as make

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

SESSIONS = "/admin/accounts/browsersession/"


@pytest.fixture
def alices():
    return Tenant.objects.create(name="Alice's")


@pytest.fixture
def bobs():
    return Tenant.objects.create(name="Bob's")


def administrator_of(tenant: Tenant, name: str) -> User:
    user = User.objects.create_user(name, password="correct horse battery staple")
    Membership.objects.create(tenant=tenant, user=user, role=Role.ADMINISTRATOR)
    return user


@pytest.fixture
def alice(alices):
    return administrator_of(alices, "alice")


@pytest.fixture
def bob(bobs):
    return administrator_of(bobs, "bob")


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    client.get("/admin/")  # writes down the session
    return client


def key_of(user: User) -> str:
    return BrowserSession.objects.get(user=user).session_key


@pytest.mark.parametrize(
    "how", ["", "__exact", "__startswith", "__regex", "__gt", "__in", "__contains"]
)
def test_the_list_of_sessions_does_not_count_by_their_keys(alice, alices, how):
    client = browser_of(alice)

    answer = client.get(SESSIONS, {f"session_key{how}": key_of(alice)})

    assert answer.status_code == 400


SECRET = ("session_key", "data", "digest", "password", "secret", "token", "payload")


def test_no_list_counts_by_a_column_that_it_does_not_show(rf: RequestFactory):
    request = rf.get("/")
    request.user = User.objects.create_superuser("owner")
    open_ones = [
        (page.opts.label, name)
        for page in admin.site._registry.values()
        for name in SECRET
        if any(field.name == name for field in page.opts.get_fields())
        and page.lookup_allowed(f"{name}__startswith", "a", request)
    ]

    assert open_ones == []


@pytest.mark.costly
def test_what_a_page_offers_still_filters(admin_client, alices):
    lists = [
        f"/admin/media/post/?tenant__id__exact={alices.pk}&posted_at__year=2026&has_media__exact=1",
        f"/admin/accounts/membership/?tenant__id__exact={alices.pk}&role__exact=viewer",
        "/admin/accounts/user/?is_superuser__exact=1",
        "/admin/accounts/auditentry/?event=sign_in.failed&at__year=2026",
        "/admin/vision/paidanalysis/?state__exact=failed",
    ]

    assert {admin_client.get(one).status_code for one in lists} == {200}


def test_the_filters_of_the_audit_name_no_foreign_tenant(alice, alices, bobs):
    page = browser_of(alice).get("/admin/accounts/auditentry/").content.decode()

    assert str(alices.pk) in page or "Alice&#x27;s" in page
    assert str(bobs.pk) not in page


def test_whoever_belongs_elsewhere_too_is_no_ones_to_sign_out(alice, alices, bob, bobs):
    browser = browser_of(bob)
    Membership.objects.create(tenant=alices, user=bob, role=Role.VIEWER)
    session = BrowserSession.objects.get(user=bob)
    client = browser_of(alice)

    listed = client.get(SESSIONS).content.decode()
    client.post(SESSIONS, {"action": "end", "_selected_action": [session.pk]})

    assert "bob" not in listed
    assert client.get(f"{SESSIONS}{session.pk}/change/").status_code == 404
    assert browser.get("/admin/").status_code == 200


def test_whoever_administers_all_tenants_of_a_member_ends_his_sessions(alice, alices, bob, bobs):
    browser = browser_of(bob)
    for tenant, user in ((alices, bob), (bobs, alice)):
        Membership.objects.create(tenant=tenant, user=user, role=Role.ADMINISTRATOR)
    session = BrowserSession.objects.get(user=bob)

    browser_of(alice).post(SESSIONS, {"action": "end", "_selected_action": [session.pk]})

    assert browser.get("/admin/").status_code == 302


def test_the_page_of_a_user_shows_no_part_of_the_password_to_who_may_not_change_it(alice):
    page = browser_of(alice).get(f"/admin/accounts/user/{alice.pk}/change/").content.decode()

    assert "field-password" not in page
    assert "field-username" in page


def test_closing_an_account_ends_its_sessions_for_good(admin_client, alice):
    browser = browser_of(alice)
    page = f"/admin/accounts/user/{alice.pk}/change/"
    form = {"username": "alice", "date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
    inline = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    prefix = admin_client.get(page).context["inline_admin_formsets"][0].formset.prefix
    inline = {name.replace("memberships", prefix): value for name, value in inline.items()}

    for change in ({}, {"is_active": "on"}):
        assert admin_client.post(page, form | inline | change).status_code == 302

    assert User.objects.get(pk=alice.pk).is_active
    assert browser.get("/admin/").status_code == 302


@pytest.mark.parametrize(("peer", "shown"), [("", "—"), ("192.0.2.7", "192.0.2.7")])
def test_an_address_that_nobody_knows_is_not_told_as_one(alice, alices, peer, shown):
    """Behind a socket of the file system a request comes from nowhere."""
    client = Client(REMOTE_ADDR=peer)
    client.force_login(alice)
    client.get("/admin/")

    for page in ("/accounts/sessions/", SESSIONS):
        html = client.get(page).content.decode()
        assert shown in html
        assert UNKNOWN_ADDRESS not in html


def test_the_consoles_own_door_lets_in_who_is_in_already(alice):
    client = browser_of(alice)

    answer = client.get("/admin/login/", {"next": "/admin/media/post/"})
    stranger = Client()
    stranger.force_login(User.objects.create_user("stranger"))

    assert client.get(answer["Location"]).headers.get("Location") == "/admin/media/post/"
    assert stranger.get("/admin/login/").status_code == 403


@pytest.mark.parametrize(
    "lookup",
    [
        "email__startswith=c",
        "email=carol@secret.example",
        "notification_address__contains=secret",
        "last_login__isnull=1",
        "language=ru",
        "api_tokens__isnull=1",
        "authenticator__isnull=1",
        "password__startswith=pbkdf2",
    ],
)
def test_nor_can_it_be_guessed_letter_by_letter(client, admin_client, lookup):
    own = make.tenant()
    user = User.objects.create_user("carol", email="carol@secret.example")
    Membership.objects.create(user=user, tenant=own)
    client.force_login(make.member("administrator", own))

    answers = [client.get(list_of(User, one)).status_code for one in (lookup, "is_active=1")]

    assert answers == [400, 200]
    assert admin_client.get(list_of(User, "email__startswith=c")).status_code == 200


def test_making_somebody_a_member_tells_no_address_of_the_account(client):
    own = make.tenant()
    user = User.objects.create_user("carol", email="carol@secret.example")
    Membership.objects.create(user=user, tenant=own)
    client.force_login(make.member("administrator", own))
    pages = (list_of(User), list_of(User, "q=secret.example"), page_of(User, user.pk))

    shown = [client.get(page).content.decode() for page in pages]

    assert "carol" in shown[0]
    assert "carol" in shown[2]
    assert not [html for html in shown if "carol@" in html]
    assert page_of(User, user.pk) not in shown[1]
