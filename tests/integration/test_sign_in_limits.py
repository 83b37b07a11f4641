"""Guessing passwords: how many guesses are checked, and how the owner gets in all the same."""

from collections import Counter
from datetime import timedelta
from types import SimpleNamespace

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, SignInLimit, User
from accounts.sign_in.guesses import limits
from accounts.sign_in.guesses.limits import Lane, TooManyGuesses
from tests.concurrency import together
from tests.passkey import Passkey

PASSWORD = "correct horse battery staple"
LOGIN = "/accounts/login/"
ATTACKER = "198.51.100.7"
STRANGER = Client()
"""A browser that keeps nothing: making one loads all the middleware."""


@pytest.fixture(autouse=True)
def _cheap_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _empty_pages(monkeypatch):
    """Drawing a page a thousand times takes longer than all the rest."""
    for view in ("account.views.LoginView", "mfa.base.views.AuthenticateView"):
        monkeypatch.setattr(f"allauth.{view}.template_name", "account/messages/logged_out.txt")


@pytest.fixture
def clock(monkeypatch):
    """The time as signing in sees it; `pass_` lets it pass."""

    class Clock:
        now = timezone.now()

        def pass_(self, **by):
            self.now += timedelta(**by)

    clock = Clock()
    monkeypatch.setattr("accounts.sign_in.guesses.attempts.timezone.now", lambda: clock.now)
    return clock


@pytest.fixture
def checked(monkeypatch):
    """Which passwords were really compared with a hash."""
    seen = Counter()
    verify = MD5PasswordHasher.verify

    def counted(self, password, encoded):
        seen[password] += 1
        return verify(self, password, encoded)

    monkeypatch.setattr(MD5PasswordHasher, "verify", counted)
    return seen


@pytest.fixture
def owner(db):
    return User.objects.create_user("owner", password=PASSWORD, is_staff=True, is_superuser=True)


def guess(password, *, name="owner", address=ATTACKER, client=None):
    if client is None:
        client = STRANGER
        client.cookies.clear()
    return client.post(LOGIN, {"login": name, "password": password}, REMOTE_ADDR=address)


def signed_in(client):
    return "_auth_user_id" in client.session


def tries(count, **fields):
    return [guess(f"wrong {n}", **fields) for n in range(count)]


class TestAThousandWrongPasswords:
    @pytest.mark.parametrize("number", [150, pytest.param(1000, marks=pytest.mark.long)])
    def test_of_those_of_one_address_at_once_five_are_checked(self, owner, clock, checked, number):
        """Meanwhile the owner gets in with a passkey, and in a browser that is known."""
        passkey, known, new = Passkey(owner), Client(), Client()
        guess(PASSWORD, client=known)
        known.post("/accounts/logout/")
        passkey.register()
        checked.clear()

        answers = Counter(answer.status_code for answer in tries(number))

        assert sum(checked.values()) == 5
        assert answers == {200: 5, 429: number - 5}
        assert passkey.sign_in(new, REMOTE_ADDR=ATTACKER).status_code == 302
        assert signed_in(new)
        assert guess(PASSWORD, client=known)["Location"] == "/accounts/2fa/authenticate/"
        assert guess(PASSWORD).status_code == 429

    @pytest.mark.parametrize("number", [100, pytest.param(1000, marks=pytest.mark.long)])
    def test_of_those_of_many_addresses_ten_are_checked_in_a_thousand_seconds(
        self, owner, clock, checked, number
    ):
        """Fifteen minutes after the last one the owner gets in, wherever."""
        for n in range(number):
            guess(f"wrong {n}", address=f"203.0.{n // 250}.{n % 250 + 1}")
            clock.pass_(seconds=1000 // number)

        # The first five (0 to 4 s, or to 40 s), then after waits of 30, 60, 120, 240 and 480 s; the next one is 15 min.
        assert sum(checked.values()) == 10
        clock.pass_(minutes=15)
        browser = Client()
        assert guess(PASSWORD, client=browser, address="192.0.2.44").status_code == 302
        assert signed_in(browser)

    def test_the_owners_other_ways_do_not_make_the_attacker_wait_less(self, owner, clock, checked):
        browser = Client()
        guess(PASSWORD, client=browser)
        tries(6)
        guess(PASSWORD, client=browser)
        checked.clear()

        tries(10)

        assert not checked


class TestWaiting:
    def test_a_right_password_is_not_even_checked_meanwhile(self, owner, clock, checked):
        tries(5)
        browser = Client()

        answer = guess(PASSWORD, client=browser)

        assert answer.status_code == 429
        assert answer["Retry-After"] == "30"
        assert PASSWORD not in checked
        assert not signed_in(browser)

    @pytest.mark.costly
    def test_being_refused_makes_nobody_wait_longer(self, owner, clock):
        tries(5)
        clock.pass_(seconds=29)
        tries(50)
        clock.pass_(seconds=1)

        assert guess(PASSWORD).status_code == 302

    def test_waits_double_up_to_15_minutes(self, owner, clock):
        tries(5)
        waits = []
        for _ in range(7):
            waits.append(int(guess("wrong")["Retry-After"]))
            clock.pass_(seconds=waits[-1])
            guess("wrong")

        assert waits == [30, 60, 120, 240, 480, 900, 900]

    @pytest.mark.costly
    def test_typing_errors_are_forgotten_after_a_sign_in(self, owner, clock, checked):
        for _ in range(5):
            tries(4)
            assert guess(PASSWORD).status_code == 302

        assert sum(checked.values()) == 25

    def test_a_new_password_need_not_wait(self, owner, clock):
        tries(5)
        owner.set_password("another long password 7")
        owner.save()

        assert guess("another long password 7").status_code == 302

    def test_failures_are_forgotten_after_a_day(self, owner, clock, checked):
        tries(5)
        clock.pass_(hours=24, seconds=1)

        assert [answer.status_code for answer in tries(6)] == [200] * 5 + [429]

    @pytest.mark.parametrize("ahead", [{"seconds": 1}, {"hours": 3}, {"days": 400}])
    def test_one_error_while_the_clock_was_ahead_makes_nobody_wait(self, owner, clock, ahead):
        """Of two hosts one is always ahead; so is who has read the clock later and counts first."""
        clock.pass_(**ahead)
        tries(1)
        clock.pass_(**{unit: -number for unit, number in ahead.items()})

        assert guess(PASSWORD).status_code == 302

    def test_a_wait_ends_with_the_longest_though_the_clock_is_set_back(self, owner, clock, checked):
        clock.pass_(days=400)
        tries(6)
        clock.pass_(days=-400)
        checked.clear()

        assert [answer.status_code for answer in tries(3)] == [200, 429, 429]
        clock.pass_(minutes=15)
        assert guess(PASSWORD).status_code == 302
        assert sum(checked.values()) == 2

    def test_rows_are_deleted_when_they_count_no_more(self, owner, clock):
        tries(5)
        assert limits.prune(now=clock.now) == 0

        assert limits.prune(now=clock.now + timedelta(hours=25)) == 2
        assert not SignInLimit.objects.exists()

    @pytest.mark.parametrize("name", ["OWNER", "Owner", " owner ", "ｏｗｎｅｒ"])
    def test_another_spelling_of_the_name_is_the_same_account(self, owner, clock, checked, name):
        tries(5)

        assert guess("wrong", name=name).status_code == 429


class TestAnAddress:
    def test_it_has_fifty_guesses_at_whichever_accounts(self, db, clock, checked):
        User.objects.bulk_create(
            User(username=f"user{n}", password=f"md5$salt${'0' * 32}") for n in range(100)
        )

        client = Client()
        for n in range(100):
            guess("Summer2026!", name=f"user{n}", client=client)

        assert sum(checked.values()) == 50

    @pytest.mark.costly
    def test_one_home_of_ipv6_is_one_address(self, db, clock):
        answers = Counter(
            guess("wrong", name=f"nobody{n}", address=f"2001:db8:1:2:{n:x}::1").status_code
            for n in range(60)
        )

        assert answers == {200: 50, 429: 10}

    def test_whoever_has_an_account_cannot_clear_it_by_signing_in(
        self, db, clock, checked, settings
    ):
        settings.SIGN_IN = settings.SIGN_IN.model_copy(update={"address_failures": 8})
        User.objects.create_user("mallory", password=PASSWORD)
        for n in range(12):
            guess("Summer2026!", name=f"victim{n}")
            guess(PASSWORD, name="mallory")

        assert guess("Summer2026!", name="victim").status_code == 429
        assert checked[PASSWORD] == 7

    @pytest.mark.costly
    def test_an_unknown_one_limits_nobody(self, owner, clock):
        for n in range(60):
            guess("wrong", name=f"nobody{n}", address="")

        assert guess(PASSWORD, address="").status_code == 302

    def test_neighbors_of_an_attacker_get_in_in_browsers_that_are_known(self, owner, clock):
        browser = Client()
        guess(PASSWORD, client=browser)
        browser.post("/accounts/logout/")
        for n in range(60):
            guess("wrong", name=f"nobody{n}")

        assert guess(PASSWORD).status_code == 429
        assert guess(PASSWORD, client=browser).status_code == 302


class TestABrowserThatIsKnown:
    @pytest.fixture
    def browser(self, owner, clock):
        browser = Client()
        guess(PASSWORD, client=browser)
        browser.post("/accounts/logout/")
        return browser

    def cookie(self, browser, user):
        return browser.cookies[f"known_device_{user.pk}"]

    def test_its_cookie_is_for_the_server_and_the_door_only(self, browser, owner):
        cookie = self.cookie(browser, owner)

        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/accounts/"

    def test_whoever_stole_its_cookie_is_limited_as_well(self, browser, checked):
        for n in range(30):
            guess(f"wrong {n}", client=browser, address=f"203.0.{n // 250}.{n % 250 + 1}")

        assert sum(checked.values()) == 5

    def test_it_is_known_for_its_own_account_only(self, browser, owner, checked):
        victim = User.objects.create_user("victim", password=PASSWORD)
        browser.cookies[f"known_device_{victim.pk}"] = self.cookie(browser, owner).value
        tries(5, name="victim")

        assert guess("wrong", name="victim", client=browser).status_code == 429

    def test_a_new_password_makes_it_a_stranger(self, browser, owner):
        owner.set_password("another long password 7")
        owner.save()
        tries(5)

        assert guess("another long password 7", client=browser).status_code == 429

    @pytest.mark.parametrize("value", ["", "x", "W10:1vN3:x", "\x00", "a" * 5000])
    def test_a_made_up_cookie_is_none(self, browser, owner, value):
        browser.cookies[f"known_device_{owner.pk}"] = value
        tries(5)

        assert guess(PASSWORD, client=browser).status_code == 429


class TestNobodyLearnsWhichAccountsThereAre:
    def test_answers_are_the_same_word_for_word(self, owner, clock):
        def answers(name):
            pages = [guess("wrong", name=name, address=f"198.51.{n}.9") for n in range(8)]
            return [
                (page.status_code, page.get("Retry-After"), page.context["form"].errors.as_json())
                for page in pages
            ]

        assert answers("owner") == answers("nobody")

    def test_a_password_is_hashed_once_for_either(self, owner, clock, monkeypatch):
        encoded = Counter()
        encode = MD5PasswordHasher.encode

        def counted(self, password, salt):
            encoded[password] += 1
            return encode(self, password, salt)

        monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
        guess("first")
        guess("second", name="nobody")

        assert encoded == {"first": 1, "second": 1}

    def test_a_password_typed_into_the_wrong_field_is_kept_nowhere(self, owner, clock, caplog):
        guess("", name=PASSWORD)
        guess("anything", name=PASSWORD)

        kept = [row.key for row in SignInLimit.objects.all()]
        kept += [str(vars(row)) for row in AuditEntry.objects.all()]
        assert AuditEntry.objects.filter(event="sign_in.failed").count() == 1
        assert PASSWORD not in " ".join([*kept, caplog.text])


class TestCodesOfTheSecondStep:
    @pytest.fixture
    def app(self, owner, clock):
        """The secret in an authenticator app of the owner."""
        secret = totp.generate_totp_secret()
        totp.TOTP.activate(owner, secret)
        return secret

    def right(self, secret, *, periods=0):
        """The code of now, or of so many times 30 seconds later."""
        counter = int(totp.time.time()) // 30 + periods
        return totp.format_hotp_value(totp.hotp_value(secret, counter))

    @pytest.mark.parametrize(("periods", "is_right"), [(-2, 0), (-1, 1), (1, 1), (2, 0)])
    def test_a_clock_may_be_half_a_minute_off(self, app, monkeypatch, periods, is_right):
        monkeypatch.setattr(totp, "time", SimpleNamespace(time=lambda: 1_790_000_015))
        browser = Client()
        guess(PASSWORD, client=browser)

        self.enter(browser, self.right(app, periods=periods))

        assert signed_in(browser) == bool(is_right)

    @pytest.mark.parametrize("typed", ["{}", " {} "])
    def test_a_code_is_right_once_however_long_it_would_be(self, owner, app, monkeypatch, typed):
        monkeypatch.setattr(totp, "time", SimpleNamespace(time=lambda: 1_790_000_015))
        code = self.right(app, periods=1)
        for browser in (first := Client(), second := Client()):
            guess(PASSWORD, client=browser)
            self.enter(browser, code if browser is first else typed.format(code))
            # What allauth remembers has run out, and many other things are remembered.
            cache.delete(totp.TOTP(Authenticator(user=owner))._get_used_cache_key(code))
            for number in range(400):
                cache.set(f"zebra{number}", "", timeout=60)

        assert (signed_in(first), signed_in(second)) == (True, False)

    def enter(self, client, code, **extra):
        return client.post("/accounts/2fa/authenticate/", {"code": code}, **extra)

    def test_a_right_one_signs_in(self, app):
        browser = Client()
        assert guess(PASSWORD, client=browser)["Location"] == "/accounts/2fa/authenticate/"
        assert not signed_in(browser)

        self.enter(browser, self.right(app))

        assert signed_in(browser)

    @pytest.mark.costly
    def test_of_thirty_five_are_checked(self, app, monkeypatch):
        seen = []
        check = totp.validate_totp_code
        monkeypatch.setattr(totp, "validate_totp_code", lambda *a: seen.append(a) or check(*a))
        thief = Client()
        guess(PASSWORD, client=thief)

        answers = Counter(self.enter(thief, "abcdef").status_code for _ in range(30))

        assert len(seen) == 5
        assert answers == {200: 5, 429: 25}

    def test_a_new_start_at_the_password_gives_no_new_guesses(self, app):
        for _ in range(3):
            thief = Client()
            guess(PASSWORD, client=thief)
            for _ in range(2):
                last = self.enter(thief, "abcdef")

        assert last.status_code == 429

    def test_whoever_knows_no_password_cannot_use_them_up(self, app, clock):
        tries(10)
        clock.pass_(minutes=15)
        browser = Client()
        guess(PASSWORD, client=browser)

        self.enter(browser, self.right(app))

        assert signed_in(browser)

    def test_a_thief_of_the_password_keeps_the_owner_out_of_no_known_browser(self, app):
        browser = Client()
        guess(PASSWORD, client=browser)
        self.enter(browser, self.right(app))
        browser.post("/accounts/logout/")
        thief = Client()
        guess(PASSWORD, client=thief)
        for _ in range(10):
            self.enter(thief, "abcdef")
        guess(PASSWORD, client=browser)

        assert self.enter(browser, "abcdef").status_code == 200


class TestGuessesOfWhoeverStoleASession:
    @pytest.fixture
    def thief(self, owner, clock):
        client = Client()
        client.force_login(owner)
        return client

    def test_at_the_password_in_the_form_that_changes_it(self, thief, checked, settings):
        settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "change_password": None}
        new = {"password1": "a new long password", "password2": "a new long password"}
        for n in range(20):
            thief.post("/accounts/password/change/", {"oldpassword": f"wrong {n}", **new})

        assert sum(checked.values()) == 5

    @pytest.mark.costly
    def test_at_the_password_that_confirms_who_one_is(self, thief, checked, settings):
        settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "reauthenticate": None}
        for n in range(20):
            thief.post("/accounts/reauthenticate/", {"password": f"wrong {n}"})

        assert sum(checked.values()) == 5


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_of_any_number_at_the_same_time_exactly_five_are_claimed(self):
        now, claimed = timezone.now(), []

        def attack(n):
            def run():
                lanes = (Lane(f"address:{n % 3}", 50), Lane("account:1", 5))
                for _ in range(10):
                    limits.claim(lanes, now=now)
                    claimed.append(n)

            return run

        raised = together(*(attack(n) for n in range(16)))

        assert len(claimed) == 5
        assert {type(error) for error in raised} == {TooManyGuesses}
        assert SignInLimit.objects.get(key="account:1").failures == 5
        # Claims of an address that the account refused are not counted.
        assert (
            sum(
                SignInLimit.objects.filter(key__startswith="address").values_list(
                    "failures", flat=True
                )
            )
            == 5
        )
