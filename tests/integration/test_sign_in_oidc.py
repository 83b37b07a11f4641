"""Signing in with an identity provider: as whom, and who is sent away."""

from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount, SocialApp
from django.test import Client

from accounts.models import AuditEntry, User
from accounts.sign_in.identities import IdentityAdapter
from telegram_assistant.config import Oidc

PASSWORD = "correct horse battery staple"
ISSUER = "https://id.example.org/realms/archive"
DOOR, CALLBACK = "/accounts/oidc/oidc/login/", "/accounts/oidc/oidc/login/callback/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _cheap_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def configured(settings):
    def _(**more):
        oidc = Oidc(
            issuer_url=ISSUER, client_id="archive", client_secret="hush-9f3a", name="Office", **more
        )
        settings.OIDC, settings.SOCIALACCOUNT_PROVIDERS = oidc, oidc.providers()

    _()
    return _


@pytest.fixture
def provider(monkeypatch, configured):
    """The provider's side; `claims` are what it says of whoever has signed in there."""

    class Answer:
        status_code = 200
        headers = {"content-type": "application/json"}  # noqa: RUF012

        def __init__(self, said):
            self.json = lambda: said

        def raise_for_status(self):
            pass

    class Provider:
        claims = {"sub": "4711", "email": "ann@example.org", "email_verified": True}  # noqa: RUF012

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def get(self, url, **_):
            if url.endswith("/.well-known/openid-configuration"):
                names = ("authorization", "token", "userinfo")
                return Answer(
                    {f"{n}_endpoint": f"{ISSUER}/{n}" for n in names} | {"issuer": ISSUER}
                )
            return Answer(self.claims)

        def request(self, method, url, **_):
            return Answer({"access_token": "given", "token_type": "bearer"})

    provider = Provider()
    monkeypatch.setattr(IdentityAdapter, "get_requests_session", lambda self: provider)
    return provider


def come_back(client, **start):
    """Go to the provider and come back with its answer."""
    away = client.post(DOOR, start)
    state = parse_qs(urlsplit(away["Location"]).query)["state"][0]
    return client.get(CALLBACK, {"code": "c", "state": state}, headers={"accept-language": "en"})


def signed_in(client):
    return client.session.get("_auth_user_id")


@pytest.fixture
def ann(db):
    return User.objects.create_user("ann", "ann@example.org", PASSWORD)


@pytest.fixture
def connected(ann):
    return SocialAccount.objects.create(user=ann, provider="oidc", uid="4711")


class TestTheDoor:
    def test_it_offers_the_provider_by_name_if_one_is_configured(self, client, configured):
        page = client.get("/accounts/login/", headers={"accept-language": "en"}).content.decode()

        assert "Sign in with Office" in page
        assert DOOR in page

    def test_nothing_is_offered_otherwise(self, client):
        assert "oidc" not in client.get("/accounts/login/").content.decode()
        assert client.post(DOOR).status_code == 404

    def test_a_provider_in_the_database_is_no_second_door(self, client):
        SocialApp.objects.create(
            provider="openid_connect",
            provider_id="evil",
            client_id="x",
            settings={"server_url": "https://evil.example"},
        )

        assert client.post("/accounts/oidc/evil/login/").status_code == 404
        assert "evil" not in client.get("/accounts/login/").content.decode()

    def test_the_way_there_is_a_button_and_no_link(self, client, provider):
        assert client.get(DOOR).status_code == 200

    def test_an_answer_that_nobody_asked_for_signs_nobody_in(self, client, provider, connected):
        client.get(CALLBACK, {"code": "c", "state": "made-up"})

        assert not signed_in(client)


class TestAsWhom:
    def test_an_identity_is_the_user_it_is_connected_to(self, client, provider, connected):
        assert come_back(client, next="/api/docs/")["Location"] == "/api/docs/"

        assert signed_in(client) == str(connected.user_id)
        assert AuditEntry.objects.latest("id").after == {"method": "oidc"}

    def test_one_that_is_connected_to_nobody_is_sent_away_with_words(self, client, provider, ann):
        answer = come_back(client)

        assert answer.status_code == 403
        assert "no account of this archive is connected" in answer.content.decode()
        assert not signed_in(client)
        assert User.objects.count() == 1
        assert AuditEntry.objects.latest("id").event == "sign_in.refused"

    def test_its_verified_address_counts_only_by_a_setting(self, client, provider, ann, configured):
        configured(match_email=True)
        come_back(client)

        assert signed_in(client) == str(ann.pk)
        assert SocialAccount.objects.get().user == ann

    @pytest.mark.parametrize("verified", [False, None, "true", 1])
    def test_an_address_that_is_not_verified_never_counts(
        self, client, provider, ann, configured, verified
    ):
        configured(match_email=True)
        provider.claims = {**provider.claims, "email_verified": verified}

        assert come_back(client).status_code == 403
        assert not signed_in(client)

    def test_nor_does_one_that_two_accounts_have(self, client, provider, ann, configured):
        configured(match_email=True)
        User.objects.create_user("bob", "ANN@example.org")

        assert come_back(client).status_code == 403

    def test_nor_does_no_address_at_all(self, client, provider, configured):
        configured(match_email=True)
        User.objects.create_user("bob")
        provider.claims = {"sub": "4711", "email": "", "email_verified": True}

        assert come_back(client).status_code == 403

    def test_a_closed_account_stays_closed(self, client, provider, connected):
        User.objects.update(is_active=False)

        come_back(client)

        assert not signed_in(client)

    def test_whoever_has_signed_in_connects_an_identity(self, client, provider, ann):
        client.post("/accounts/login/", {"login": "ann", "password": PASSWORD})
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        come_back(client, process="connect")

        assert SocialAccount.objects.get().user == ann
        assert "account.linked" in AuditEntry.objects.values_list("event", flat=True)
        fresh = Client()
        come_back(fresh)
        assert signed_in(fresh) == str(ann.pk)
