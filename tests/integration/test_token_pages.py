"""Everybody makes and revokes the own tokens in the console; administrators revoke those of others."""

import re
import uuid
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken, AuditEntry, Membership, Role, Scope, Tenant, User
from tests import factories as make
from tests.tokens import member, secret_of, token_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

PAGE = reverse("api_tokens")
LIST = reverse("admin:accounts_apitoken_changelist")
SECRET = re.compile(r"ta_[0-9a-f]{64}")


def page_of(token):
    return reverse("admin:accounts_apitoken_change", args=[token.pk])


@pytest.fixture
def tenant():
    return make.tenant("Alice's")


@pytest.fixture
def ann(client, tenant):
    """A viewer, who is signed in."""
    user = member(tenant)
    client.force_login(user)
    return user


@pytest.fixture
def form(client, ann):
    """What the form is sent with, as it was shown."""
    html = client.get(PAGE).content.decode()
    [token_id] = re.findall(r'name="token_id" value="([^"]+)"', html)
    return {"token_id": token_id, "name": "backup", "scope": "read", "tenant": "", "days": "30"}


class TestOwn:
    def test_everybody_in_the_console_finds_the_page(self, client, ann):
        assert PAGE in client.get(reverse("admin:index")).content.decode()

    def test_a_token_is_shown_in_the_answer_and_works(self, client, ann, form):
        answer = client.post(PAGE, form)

        [secret] = SECRET.findall(answer.content.decode())
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
        headers = {"Authorization": f"Token {secret}"}
        client.logout()
        assert client.get("/api/v1/vision/posts", headers=headers).status_code == 200
        token = ApiToken.objects.get()
        assert (token.user, token.name, token.scope, token.tenant) == (ann, "backup", "read", None)
        assert timedelta(days=29) < token.expiry - timezone.now() <= timedelta(days=30)

    @pytest.mark.costly
    def test_it_is_shown_nowhere_else(self, client, ann, form):
        answer = client.post(PAGE, form)
        [secret] = SECRET.findall(answer.content.decode())
        hidden = secret[15:]

        assert hidden not in str(answer.headers) + str(client.cookies)
        for address in (PAGE, LIST, reverse("admin:index")):
            assert hidden not in client.get(address).content.decode()
        client.force_login(User.objects.create_superuser("root"))
        for address in (LIST, page_of(ApiToken.objects.get())):
            html = client.get(address).content.decode()
            assert secret[:15] in html
            assert hidden not in html
            assert ApiToken.objects.get().digest not in html
        kept = [*LogEntry.objects.values(), *AuditEntry.objects.values()]
        kept += [session.get_decoded() for session in Session.objects.all()]
        assert hidden not in str(kept)

    @pytest.mark.costly
    def test_reloading_the_answer_makes_no_second_token_and_shows_none(self, client, ann, form):
        client.post(PAGE, form)

        again = client.post(PAGE, form, follow=True, headers={"accept-language": "en"})

        assert ApiToken.objects.count() == 1
        assert not SECRET.findall(again.content.decode())
        assert "This form was sent before" in again.content.decode()

    def test_the_form_that_is_shown_with_a_token_makes_another(self, client, ann, form):
        html = client.post(PAGE, form).content.decode()
        [token_id] = re.findall(r'name="token_id" value="([^"]+)"', html)

        client.post(PAGE, {**form, "token_id": token_id})

        assert ApiToken.objects.count() == 2

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"scope": "operate"}, "No role of the user allows"),
            ({"scope": "everything"}, "errorlist"),
            ({"days": "366"}, "less than or equal to 365"),
            ({"days": ""}, "errorlist"),
            ({"days": "0"}, "errorlist"),
            ({"days": "99999999999999"}, "errorlist"),
            ({"name": ""}, "errorlist"),
            ({"name": "x" * 101}, "errorlist"),
            ({"name": "a\0b"}, "errorlist"),
            ({"tenant": str(uuid.uuid4())}, "errorlist"),
            ({"tenant": "x"}, "errorlist"),
            ({"token_id": "x"}, "errorlist"),
            ({"token_id": ""}, "errorlist"),
        ],
    )
    def test_what_is_refused_is_refused_with_the_reason(self, client, ann, form, values, words):
        answer = client.post(PAGE, form | values, headers={"accept-language": "en"})

        assert answer.status_code == 200
        assert words in answer.content.decode()
        assert not ApiToken.objects.exists()

    def test_of_a_tenant_that_one_has_left_not_even_the_name_is_shown(self, client, ann, tenant):
        made, _ = token_of(ann, tenant=tenant)
        other = make.tenant("Others'")
        Membership.objects.filter(user=ann).update(tenant=other)
        Tenant.objects.filter(pk=tenant.pk).update(name="A new name")

        html = client.get(PAGE).content.decode()

        assert made.token_key in html
        assert "A new name" not in html
        assert f'name="revoke" value="{made.pk}"' in html

    def test_others_tenants_are_neither_offered_nor_taken(self, client, ann, form):
        other = make.tenant("Bob's secret")

        assert "secret" not in client.get(PAGE).content.decode()
        assert "errorlist" in client.post(PAGE, {**form, "tenant": other.pk}).content.decode()
        assert not ApiToken.objects.exists()

    def test_superusers_alone_make_tokens_without_an_end(self, client, form, tenant):
        client.force_login(User.objects.create_superuser("root"))

        assert SECRET.search(client.post(PAGE, form | {"days": ""}).content.decode())

        assert ApiToken.objects.get().expiry is None

    def test_one_revokes_ones_own_and_nobody_elses(self, client, ann, tenant):
        own, theirs = token_of(ann)[0], token_of(member(tenant))[0]

        assert client.post(PAGE, {"revoke": theirs.pk}).status_code == 404
        assert client.post(PAGE, {"revoke": "x"}).status_code == 404
        assert client.post(PAGE, {"revoke": own.pk}).status_code == 302

        revoked = ApiToken.objects.exclude(revoked_at=None)
        assert [token.pk for token in revoked] == [own.pk]
        assert theirs.token_key not in client.get(PAGE).content.decode()

    def test_who_may_not_enter_the_console_has_no_such_page(self, client):
        assert client.get(PAGE).status_code == 302

    def test_it_is_in_russian(self, client, ann):
        html = client.get(PAGE, headers={"accept-language": "ru"}).content.decode()

        assert "Мои токены" in html
        assert "Создать токен" in html


class TestAll:
    def test_an_administrator_sees_and_revokes_the_tokens_of_his_tenant(self, client, tenant):
        other = make.tenant()
        user = member(tenant, other)
        here, there, everywhere = (token_of(user, tenant=one)[0] for one in (tenant, other, None))
        client.force_login(member(tenant, role=Role.ADMINISTRATOR))

        html = client.get(LIST).content.decode()
        client.post(
            LIST,
            {"action": "revoke", "_selected_action": [here.pk, there.pk, everywhere.pk]},
        )

        assert here.token_key in html
        assert there.token_key not in html
        assert everywhere.token_key not in html
        assert client.get(page_of(there)).status_code == 404
        assert [one.pk for one in ApiToken.objects.exclude(revoked_at=None)] == [here.pk]

    @pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
    def test_nobody_else_looks_at_others_tokens(self, client, tenant, role):
        token = token_of(member(tenant), tenant=tenant)[0]
        client.force_login(member(tenant, role=role))

        assert client.get(LIST).status_code == 403
        assert client.get(page_of(token)).status_code in {403, 404}
        client.post(LIST, {"action": "revoke", "_selected_action": [token.pk]})
        assert not ApiToken.objects.exclude(revoked_at=None).exists()

    def test_a_superuser_revokes_every_token_and_finds_it_by_its_state(self, client, tenant):
        users = [member(tenant) for _ in range(2)]
        tokens = [token_of(user)[0] for user in users]
        client.force_login(User.objects.create_superuser("root"))

        client.post(LIST, {"action": "revoke", "_selected_action": [tokens[0].pk]})

        for state, shown in (("active", 1), ("revoked", 0)):
            html = client.get(f"{LIST}?state={state}").content.decode()
            assert [token.token_key in html for token in tokens] == [shown == 0, shown == 1]
        assert tokens[0].token_key not in client.get(f"{LIST}?state=expired").content.decode()
        assert AuditEntry.objects.filter(event="token.revoked").count() == 1

    def test_nobody_adds_or_changes_or_deletes_one_there(self, client, tenant):
        token, headers = token_of(member(tenant), Scope.READ)
        client.force_login(User.objects.create_superuser("root"))

        assert client.get(reverse("admin:accounts_apitoken_add")).status_code == 403
        client.post(page_of(token), {"scope": "administer"})
        client.post(reverse("admin:accounts_apitoken_delete", args=[token.pk]), {"post": "yes"})
        client.post(
            LIST, {"action": "delete_selected", "_selected_action": [token.pk], "post": "yes"}
        )

        assert ApiToken.objects.get().scope == "read"
        assert secret_of(headers)
