"""The door, from both sides: who gets in and where to, what pages say, what is written down."""

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.password_validation import validate_password
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, BrowserSession, Membership, User
from tests import factories as make
from tests.passkey import Passkey

PASSWORD = "correct horse battery staple"
LOGIN = "/accounts/login/"
HOME = "/admin/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _cheap_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ann(db):
    return User.objects.create_superuser("ann", "ann@example.org", PASSWORD)


def sign_in(client, name="ann", password=PASSWORD, **extra):
    where = extra.pop("next", "")
    return client.post(LOGIN, {"login": name, "password": password, "next": where}, **extra)


def signed_in(client):
    return "_auth_user_id" in client.session


def entries():
    """What was recorded, without the rows that the test made."""
    return AuditEntry.objects.exclude(event__startswith="row.").order_by("id")


def events():
    return list(entries().values_list("event", flat=True))


class TestOneDoor:
    @pytest.mark.parametrize(
        "page", [HOME, "/admin/media/post/", "/admin/my-settings/", "/api/docs/"]
    )
    def test_every_page_leads_to_it_and_back(self, client, ann, page):
        answer = client.get(page, follow=True)

        last, _ = answer.redirect_chain[-1]
        assert urlsplit(last).path == LOGIN
        assert sign_in(client, next=parse_qs(urlsplit(last).query)["next"][0])["Location"] == page

    @pytest.mark.parametrize(
        "elsewhere",
        ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "\x00",
         "https:evil.example", "http://testserver@evil.example/"],
    )  # fmt: skip
    def test_it_leads_nowhere_else(self, client, ann, elsewhere):
        on_the_way = client.get("/admin/login/", {"next": elsewhere})
        after = sign_in(client, next=elsewhere)

        assert on_the_way["Location"] == f"{LOGIN}?next=%2Fadmin%2F"
        assert after["Location"] == HOME

    @pytest.mark.parametrize("page", ["/admin/login/", "/api/auth/login/"])
    def test_former_doors_let_nobody_in(self, client, ann, page):
        client.post(page, {"username": "ann", "password": PASSWORD})

        assert not signed_in(client)

    def test_signing_out_in_the_console_leads_to_it(self, client, ann):
        sign_in(client)
        key = client.session.session_key

        answer = client.post("/admin/logout/")

        assert answer["Location"] == LOGIN
        assert not client.session.exists(key)
        assert events()[-1] == "sign_out"

    def test_nobody_is_signed_out_by_a_link_of_somebody_else(self, client, ann):
        sign_in(client)
        client.get("/admin/logout/")

        assert signed_in(client)

    def test_nobody_signs_up(self, client):
        page = client.get("/accounts/signup/", headers={"accept-language": "en"})
        client.post("/accounts/signup/", {"username": "eve", "password1": PASSWORD})

        assert "Nobody can sign up here" in page.content.decode()
        assert not User.objects.exists()

    def test_whoever_belongs_to_no_archive_reads_so_and_is_not_sent_around(self, client):
        User.objects.create_user("eve", password=PASSWORD)
        sign_in(client, "eve")

        answer = client.get(HOME, follow=True, headers={"accept-language": "en"})

        assert answer.status_code == 403
        assert len(answer.redirect_chain) == 1
        assert "belongs to no archive" in answer.content.decode()

    def test_a_closed_account_learns_so_only_with_its_password(self, client, ann):
        User.objects.update(is_active=False)

        assert sign_in(client, password="wrong").status_code == 200
        assert sign_in(client)["Location"] == "/accounts/inactive/"
        assert not signed_in(client)
        assert events() == ["sign_in.failed", "sign_in.refused"]

    def test_the_session_has_a_new_key_afterwards(self, client, ann):
        client.get("/accounts/2fa/webauthn/login/", HTTP_ACCEPT="application/json")
        before = client.session.session_key

        sign_in(client)

        assert before
        assert client.session.session_key != before

    def test_a_name_of_other_case_gets_in_unless_two_have_it(self, client, ann):
        assert sign_in(client, "ANN").status_code == 302

        User.objects.create_user("Ann", password="another long password 7")
        assert sign_in(Client(), "ANN").status_code == 200
        assert sign_in(Client(), "ann").status_code == 302
        assert sign_in(Client(), "Ann", "another long password 7").status_code == 302


class TestWhatIsWrittenDown:
    def test_a_sign_in_with_account_address_and_way(self, client, ann, caplog):
        sign_in(client, REMOTE_ADDR="203.0.113.9")

        entry = entries().get()
        assert (entry.event, entry.actor_name, entry.after) == (
            "sign_in.succeeded", "ann", {"method": "password"},
        )  # fmt: skip
        assert "Signed in: ann from 203.0.113.9 by password" in caplog.text

    def test_a_failure_and_a_refusal(self, client, ann, caplog):
        for _ in range(8):
            sign_in(client, password="wrong", REMOTE_ADDR="203.0.113.9")

        assert events() == ["sign_in.failed"] * 5 + ["sign_in.limited"]
        assert caplog.text.count("Sign-in failed: ann from 203.0.113.9") == 5
        assert caplog.text.count("Sign-in limited: ann from 203.0.113.9, account waits until") == 3

    def test_no_secret(self, client, ann, caplog):
        caplog.set_level("DEBUG")
        for password in ("a wrong secret 1", PASSWORD):
            sign_in(client, password=password)
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        page = client.get("/accounts/2fa/totp/activate/")
        secret = page.context["form"].secret
        code = totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))
        client.post("/accounts/2fa/totp/activate/", {"code": code})
        stranger = Client()
        sign_in(stranger)
        stranger.post("/accounts/2fa/authenticate/", {"code": code})  # it has been used
        assert "_auth_user_id" not in stranger.session
        key = client.session.session_key
        client.post("/admin/logout/")

        written = caplog.text + str([vars(entry) for entry in AuditEntry.objects.all()])
        assert Authenticator.objects.filter(type="totp").exists()
        secrets = ["a wrong secret 1", PASSWORD, secret, key]
        assert not [one for one in secrets if one in written]
        assert not [
            one for one in secrets if one in str(Authenticator.objects.get(type="totp").data)
        ]


class TestSecondFactor:
    def confirmed(self, client):
        sign_in(client)
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})

    def test_one_is_added_and_removed_only_by_whoever_confirms_the_password(self, client, ann):
        sign_in(client)
        for page in ("totp/activate", "webauthn/add", "recovery-codes/generate"):
            answer = client.get(f"/accounts/2fa/{page}/")
            assert answer["Location"].startswith("/accounts/reauthenticate/")

    def test_a_passkey_alone_signs_in_and_is_used_once(self, client, ann):
        passkey = Passkey(ann)
        passkey.register()

        assert passkey.sign_in(client)["Location"] == HOME
        assert entries().get().after == {"method": "webauthn"}

    def test_a_passkey_of_somebody_else_is_none(self, client, ann):
        passkey = Passkey(ann)
        passkey.register()
        eve = Passkey(User.objects.create_user("eve"))
        eve.user, eve.id = ann, passkey.id

        eve.sign_in(client)

        assert not signed_in(client)

    def test_a_recovery_code_works_once(self, client, ann):
        totp.TOTP.activate(ann, totp.generate_totp_secret())
        code = RecoveryCodes.activate(ann).get_unused_codes()[0]
        answers = []
        for _ in range(2):
            browser = Client()
            sign_in(browser)
            browser.post("/accounts/2fa/authenticate/", {"code": code})
            answers.append(signed_in(browser))

        assert answers == [True, False]
        assert "recovery_code.used" in events()

    @pytest.mark.parametrize("change", ["password", "closed"])
    def test_between_the_two_steps_the_account_may_be_taken_back(self, ann, change):
        totp.TOTP.activate(ann, totp.generate_totp_secret())
        code = RecoveryCodes.activate(ann).get_unused_codes()[0]
        thief = Client()
        sign_in(thief)
        if change == "password":
            ann.set_password("another long password 7")
        else:
            ann.is_active = False
        ann.save()

        thief.post("/accounts/2fa/authenticate/", {"code": code})

        assert not signed_in(thief)
        assert thief.get(HOME).status_code == 302
        assert "sign_in.refused" in events()
        assert "sign_in.succeeded" not in events()

    def test_another_secret_key_makes_codes_useless_and_no_code_right(self, ann, settings):
        app = totp.TOTP.activate(ann, totp.generate_totp_secret())
        settings.SECRET_KEY = "another"

        known = {totp.format_hotp_value(totp.hotp_value("", n)) for n in range(3)}
        assert not any(app.validate_code(code) for code in known)
        settings.SECRET_KEY_FALLBACKS = []

    def test_a_superuser_removes_those_of_somebody_who_has_lost_them(self, client, ann):
        bob = User.objects.create_user("bob", password=PASSWORD)
        totp.TOTP.activate(bob, totp.generate_totp_secret())
        Passkey(bob).register()
        asked = {"action": "remove_second_factors", "_selected_action": [bob.pk]}
        tenant = make.tenant()
        Membership.objects.create(user=bob, tenant=tenant)
        administrator = Client()
        administrator.force_login(make.member("administrator", tenant))
        administrator.post("/admin/accounts/user/", asked)
        before = Authenticator.objects.filter(user=bob).count()
        client.force_login(ann)
        client.post("/admin/accounts/user/", asked)

        assert before == 2
        assert not Authenticator.objects.filter(user=bob).exists()
        assert events().count("second_factor.removed") == 2

    @pytest.mark.parametrize("demanded", ["administrators", "all"])
    def test_where_it_is_demanded_nothing_else_opens_before(self, client, ann, settings, demanded):
        settings.SIGN_IN = settings.SIGN_IN.model_copy(update={"require_second_factor": demanded})
        sign_in(client)

        assert client.get(HOME)["Location"] == "/accounts/2fa/"
        assert client.get("/api/v1/storage/usage/").status_code == 403
        assert client.get("/accounts/2fa/").status_code == 200
        Passkey(ann).register()
        assert client.get(HOME).status_code == 200


class TestPasswords:
    @pytest.mark.parametrize(
        "password",
        ["short7!", "password1", "qwertyuiop", "Passw0rd2026", "123456789012", "TelegramArchive",
         "annexample1", "zxcvbnm,./", "iloveyou2"],
    )  # fmt: skip
    def test_these_are_refused(self, ann, password):
        with pytest.raises(ValidationError):
            validate_password(password, ann)

    @pytest.mark.parametrize(
        "password",
        ["xk7wq2pv", "correct horse battery staple", "84623097515520", "тихий омут и рыба", "é" * 3 + "ḱwx🐟 z q",
         "long " * 40 + "enough"],
    )  # fmt: skip
    def test_these_are_accepted_whatever_they_are_made_of(self, ann, password):
        validate_password(password, ann)

    def test_more_than_three_thousand_leaked_ones_are_refused(self):
        from django.contrib.auth.password_validation import CommonPasswordValidator  # noqa: PLC0415

        leaked = [one for one in CommonPasswordValidator().passwords if len(one) >= 8]

        assert len(leaked) > 3000

    def test_it_is_compared_exactly_as_typed(self, client, ann):
        assert sign_in(client, password=f" {PASSWORD}").status_code == 200
        assert sign_in(client, password=PASSWORD.title()).status_code == 200

    def test_a_new_one_ends_all_other_sessions_at_once(self, client, ann):
        thief = Client()
        sign_in(thief)
        sign_in(client)
        new = {"password1": "another long password 7", "password2": "another long password 7"}
        client.post("/accounts/password/change/", {"oldpassword": PASSWORD, **new})

        assert thief.get(HOME).status_code == 302
        assert client.get(HOME).status_code == 200
        assert "password.changed" in events()

    def test_one_that_the_administrator_sets_ends_all_sessions_of_the_user(self, client, ann):
        sign_in(client)
        user = User.objects.get()
        user.set_password("another long password 7")
        user.save()

        assert client.get(HOME).status_code == 302

    def test_without_a_mail_server_no_page_promises_an_e_mail(self, client, ann):
        page = client.get("/accounts/password/reset/", headers={"accept-language": "en"})
        client.post("/accounts/password/reset/", {"email": ann.email})

        assert "python manage.py changepassword" in page.content.decode()
        assert not mail.outbox

    def test_with_one_a_link_sets_a_new_password_once(self, client, ann, settings):
        settings.EMAIL = settings.EMAIL.model_copy(update={"host": "mail.example"})
        settings.DEFAULT_FROM_EMAIL = "archive@example.org"
        totp.TOTP.activate(ann, totp.generate_totp_secret())
        client.post("/accounts/password/reset/", {"email": ann.email})
        client.post("/accounts/password/reset/", {"email": "stranger@example.org"})
        [link] = re.findall(r"http://testserver(/\S+key/\S+)", mail.outbox[0].body)
        form = client.get(link, follow=True).redirect_chain[-1][0]
        new = {"password1": "another long password 7", "password2": "another long password 7"}
        client.post(form, new)

        assert User.objects.get().check_password("another long password 7")
        assert not signed_in(client)  # the second factor is still asked for
        assert Client().get(link, follow=True).context["token_fail"]
        assert [message.to for message in mail.outbox] == [[ann.email], ["stranger@example.org"]]


class TestSessions:
    @pytest.fixture
    def thief(self, ann):
        thief = Client(headers={"user-agent": "Thief/1.0"}, REMOTE_ADDR="203.0.113.9")
        sign_in(thief)
        return thief

    def test_the_own_ones_are_listed_with_browser_and_address(self, client, thief):
        sign_in(client)
        page = client.get("/accounts/sessions/", headers={"accept-language": "en"}).content.decode()

        assert "Thief/1.0" in page
        assert "203.0.113.9" in page
        assert page.count("this browser") == 1
        assert thief.session.session_key not in page

    def test_one_that_is_ended_is_refused_at_its_next_request(self, client, thief):
        sign_in(client)
        page = client.get("/accounts/sessions/").content.decode()
        [pk] = re.findall(r'name="session" value="(\d+)"', page)

        client.post("/accounts/sessions/", {"session": pk})

        assert thief.get(HOME).status_code == 302
        assert client.get(HOME).status_code == 200
        assert "session.ended" in events()

    def test_all_others_end_at_once(self, client, thief):
        sign_in(client)
        client.post("/accounts/sessions/", {"others": "1"})

        assert thief.get(HOME).status_code == 302
        assert client.get(HOME).status_code == 200

    @pytest.mark.parametrize("pk", ["-1", "x", "9" * 30, ""])
    def test_odd_ids_end_nothing(self, client, thief, pk):
        sign_in(client)

        assert client.post("/accounts/sessions/", {"session": pk}).status_code == 404
        assert thief.get(HOME).status_code == 200

    def test_those_of_others_cannot_be_seen_or_ended(self, client, thief):
        User.objects.create_user("eve", password=PASSWORD)
        sign_in(client, "eve")
        page = client.get("/accounts/sessions/").content.decode()
        for pk in range(1, 50):
            assert client.post("/accounts/sessions/", {"session": str(pk)}).status_code == 404

        assert "Thief/1.0" not in page
        assert thief.get(HOME).status_code == 200

    def test_an_administrator_sees_and_ends_those_of_everybody(self, client, ann):
        User.objects.create_user("eve", password=PASSWORD)
        eve = Client(headers={"user-agent": "Eve/1.0"})
        sign_in(eve, "eve")
        sign_in(client)
        page = client.get("/admin/accounts/browsersession/").content.decode()
        [pk] = re.findall(
            r'name="_selected_action" value="(\d+)"(?:(?!_selected_action).)*?eve', page, re.DOTALL
        )

        client.post("/admin/accounts/browsersession/", {"action": "end", "_selected_action": [pk]})

        assert "Eve/1.0" in page
        assert eve.session.session_key not in page
        assert eve.get("/accounts/sessions/").status_code == 302
        assert client.get(HOME).status_code == 200

    def test_nobody_else_sees_the_page(self, client):
        eve = make.member("operator", make.tenant())
        client.force_login(eve)

        assert client.get("/admin/accounts/browsersession/").status_code == 403

    def test_an_administrator_of_a_tenant_sees_those_of_its_members_once_each(self, client, ann):
        own, second, foreign = make.tenant(), make.tenant(), make.tenant()
        member, stranger = make.member("viewer", own, second), make.member("viewer", foreign)
        Membership.objects.create(user=ann, tenant=own)
        for user in (member, stranger, ann):
            browser = Client(headers={"user-agent": f"Browser of {user}"})
            browser.force_login(user)
            browser.get("/accounts/sessions/")
        client.force_login(make.member("administrator", own, second))
        page = client.get("/admin/accounts/browsersession/").content.decode()
        ids = list(BrowserSession.objects.values_list("pk", flat=True))
        client.post("/admin/accounts/browsersession/", {"action": "end", "_selected_action": ids})

        assert page.count(f">Browser of {member}<") == 1
        assert f"Browser of {stranger}" not in page
        assert f"Browser of {ann}" not in page
        left = set(BrowserSession.objects.values_list("user__username", flat=True))
        assert {stranger.username, ann.username} <= left
        assert member.username not in left

    @pytest.mark.parametrize(
        "model", ["mfa/authenticator", "account/emailaddress", "socialaccount/socialapp"]
    )
    def test_secrets_of_second_factors_have_no_page_in_the_console(self, client, ann, model):
        sign_in(client)

        assert client.get(f"/admin/{model}/").status_code == 404

    def test_last_use_is_written_once_a_minute_at_most(
        self, client, ann, django_assert_num_queries
    ):
        sign_in(client)
        client.get("/accounts/password/none/")

        with django_assert_num_queries(2):  # the session and its user
            client.get("/accounts/password/none/")


class TestPages:
    PAGES = (
        "account_reauthenticate", "account_logout", "account_change_password", "account_set_password",
        "usersessions_list", "mfa_index", "mfa_activate_totp", "mfa_list_webauthn", "mfa_add_webauthn",
        "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn", "socialaccount_connections", "my_settings",
        "account_reset_password", "account_inactive",
    )  # fmt: skip

    @pytest.mark.costly
    @pytest.mark.parametrize("language", ["ru", "en"])
    def test_all_come_in_the_language_without_inline_scripts(self, client, ann, language):
        english = {
            "Second",
            "Passkey",
            "Name",
            "Not",
            "Confirm",
            "Sessions",
            "Code",
            "password",
            "key",
        }
        sign_in(client)
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        Passkey(ann).register()
        RecoveryCodes.activate(ann)
        for name in self.PAGES:
            answer = client.get(reverse(name), headers={"accept-language": language})
            assert answer.status_code == 200, (name, answer.get("Location"))
            page = answer.content.decode()
            main = page[page.index("<main") : page.index("</main")]
            words = set(
                re.findall(
                    r"[A-Za-z]+",
                    re.sub(r"<(script|select|pre).*?</\1>|<[^>]+>", " ", main, flags=re.DOTALL),
                )
            )

            assert not re.search(r"<script(?![^>]*(?: src=|application/json))", page), name
            assert not re.search(r"""\s(?:on[a-z]+|style)=["']""", main), name
            if language == "ru":
                assert not words & english, (name, words & english)

    def test_my_settings_lead_to_them(self, client, ann):
        sign_in(client)
        page = client.get("/admin/my-settings/").content.decode()

        for name in ("account_change_password", "mfa_index", "usersessions_list"):
            assert f'href="{reverse(name)}"' in page
