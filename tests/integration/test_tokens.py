"""A token gives what its scope and its user allow at this moment, to whoever has all of it."""

import hashlib
import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from knox.models import AuthToken

from accounts import tasks
from accounts.models import ApiToken, AuditEntry, Membership, Role, Scope, User
from accounts.tokens import find as finding
from accounts.tokens.issue import MOST_TOKENS, TokenNotIssued, Wish, issue
from accounts.tokens.revoke import KEPT, forget, revoke
from events.logs import redaction
from telegram_assistant import schedules
from tests import factories as make
from tests.concurrency import together
from tests.tokens import member, secret_of, token_of

pytestmark = pytest.mark.django_db

USAGE = "/api/v1/storage/usage/{}"
POSTS = "/api/v1/vision/posts"
STATS = "/api/v1/storage/stats"
CLEANUP = "/api/v1/storage/cleanup"


@pytest.fixture(autouse=True)
def _in_english(client):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    with translation.override("en"):
        yield


@pytest.fixture
def tenant():
    return make.tenant("Alice's")


@pytest.fixture
def ann(tenant):
    """A viewer of one tenant."""
    return member(tenant)


@pytest.fixture
def ask(client):
    def _(headers, path=POSTS):
        return client.get(path, headers=headers)

    return _


def clean(client, headers):
    return client.post(CLEANUP, {}, content_type="application/json", headers=headers)


def refused(answer, code="authentication_failed"):
    assert answer.status_code == 401, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"] == "Token"
    assert answer.json()["code"] == code
    return answer.json()["detail"]


class TestWhoeverHasIt:
    def test_it_speaks_for_its_user(self, ask, ann, tenant):
        _, headers = token_of(ann)

        assert ask(headers).status_code == 200
        assert ask(headers, USAGE.format(tenant.pk)).status_code == 200

    def test_it_is_refused_as_soon_as_it_is_revoked(self, ask, ann):
        token, headers = token_of(ann)
        ask(headers)

        assert revoke(token, now=timezone.now())
        assert not revoke(token, now=timezone.now())

        assert "revoked" in refused(ask(headers))

    def test_it_is_refused_as_soon_as_it_expires(self, ask, ann):
        _, headers = token_of(ann, lifetime=timedelta(hours=1))
        began = timezone.now() - timedelta(hours=1)

        ApiToken.objects.update(created=began, expiry=timezone.now() + timedelta(minutes=1))
        assert ask(headers).status_code == 200
        ApiToken.objects.update(created=began, expiry=timezone.now())

        assert "expired" in refused(ask(headers))

    def test_it_is_refused_as_soon_as_its_user_is_not_active(self, ask, ann):
        _, headers = token_of(ann)
        User.objects.filter(pk=ann.pk).update(is_active=False)

        assert "not active" in refused(ask(headers))

    def test_it_ends_with_its_user_and_with_its_tenant(self, ask, ann, tenant):
        _, headers = token_of(ann)
        of_one, other_headers = token_of(ann, tenant=tenant)
        Membership.objects.all().delete()
        tenant.delete()

        assert not ApiToken.objects.filter(pk=of_one.pk).exists()
        refused(ask(other_headers))
        ann.delete()
        refused(ask(headers))

    def test_it_is_worth_nothing_when_its_user_is_no_member_any_more(self, ask, ann, tenant):
        _, headers = token_of(ann)
        Membership.objects.all().delete()

        assert ask(headers).status_code == 403
        assert ask(headers, USAGE.format(tenant.pk)).status_code in {403, 404}


class TestWhoeverGuesses:
    @pytest.mark.parametrize(
        "change",
        [
            lambda own, other: own[:-1],
            lambda own, other: own + "0",
            lambda own, other: own[:-1] + ("0" if own[-1] != "0" else "1"),
            lambda own, other: own.upper(),
            lambda own, other: own.removeprefix("ta_"),
            lambda own, other: "tb_" + own[3:],
            lambda own, other: other[:15] + own[15:],  # wrong prefix, right digits
            lambda own, other: own[:15] + other[15:],  # right prefix, another's digits
            lambda own, other: own[:15],
            lambda own, other: own[:15] + "0" * 52,
            lambda own, other: hashlib.sha512(own.encode()).hexdigest(),
            lambda own, other: own[:15] + "%",
            lambda own, other: own + "\xff",
            lambda own, other: own[:20] + "\0" + own[20:],
            lambda own, other: own * 1000,
            lambda own, other: "ta_%",
        ],
    )
    def test_what_is_not_the_whole_token_is_none(self, ask, ann, change):
        (_, own), (_, other) = token_of(ann), token_of(ann)

        guess = change(secret_of(own), secret_of(other))

        refused(ask({"Authorization": f"Token {guess}"}))

    def test_what_the_database_has_is_no_token(self, ask, ann):
        token, headers = token_of(ann)

        for stored in (token.digest, token.token_key, str(token.pk)):
            refused(ask({"Authorization": f"Token {stored}"}))
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM accounts_api_token")
            assert secret_of(headers)[15:] not in str(cursor.fetchall())

    def test_it_is_taken_from_the_header_alone(self, client, ann):
        _, headers = token_of(ann)
        secret = secret_of(headers)

        for name in ("token", "access_token", "api_key", "Authorization"):
            refused(client.get(f"{POSTS}?{name}={secret}"), "not_authenticated")
        client.cookies["token"] = secret
        refused(client.get(POSTS), "not_authenticated")
        refused(client.get(POSTS, headers={"X-Api-Key": secret}), "not_authenticated")
        for kind in ("Bearer", "Basic", "Tokens"):
            answer = client.get(POSTS, headers={"Authorization": f"{kind} {secret}"})
            refused(answer, "not_authenticated")

    def test_a_bad_token_is_not_made_good_by_a_session(self, client, ann):
        client.force_login(ann)

        refused(client.get(POSTS, headers={"Authorization": "Token ta_nonsense"}))

    def test_digests_are_compared_in_a_time_that_tells_nothing(self, ann, monkeypatch):
        compared = []
        monkeypatch.setattr(
            finding,
            "constant_time_compare",
            lambda *both: compared.append(both) or both[0] == both[1],
        )
        token, headers = token_of(ann)

        assert finding.find(secret_of(headers)) == token
        assert finding.find(secret_of(headers)[:-1] + "x") is None
        assert [one[1] for one in compared] == [token.digest] * 2

    def test_the_console_takes_no_token(self, client, ann):
        _, headers = token_of(ann)

        assert client.get("/admin/", headers=headers).status_code == 302


class TestScope:
    def test_a_viewers_token_of_one_tenant_shows_no_other(self, ask, tenant):
        other = make.tenant()
        user = member(tenant, other)
        _, headers = token_of(user, tenant=tenant)

        assert ask(headers, USAGE.format(tenant.pk)).status_code == 200
        assert ask(headers, USAGE.format(other.pk)).status_code == 404

    def test_a_superusers_token_does_what_its_scope_says_and_no_more(self, client, tenant):
        root = User.objects.create_superuser("root")
        read, operate = (token_of(root, scope)[1] for scope in (Scope.READ, Scope.OPERATE))

        assert client.get(STATS, headers=read).status_code == 200
        assert clean(client, read).status_code == 403
        assert clean(client, operate).status_code == 200

    def test_a_superusers_token_of_one_tenant_is_not_the_installations(self, client, tenant):
        root, other = User.objects.create_superuser("root"), make.tenant()
        _, headers = token_of(root, Scope.ADMINISTER, tenant=tenant)

        assert client.get(USAGE.format(tenant.pk), headers=headers).status_code == 200
        assert client.get(USAGE.format(other.pk), headers=headers).status_code == 404
        assert client.get(STATS, headers=headers).status_code == 403
        assert clean(client, headers).status_code == 403

    def test_a_smaller_role_holds_at_the_next_request(self, client, tenant):
        user = member(tenant, role=Role.OPERATOR)
        _, headers = token_of(user, Scope.OPERATE)
        assert clean(client, headers).status_code == 200

        Membership.objects.update(role=Role.VIEWER)

        assert clean(client, headers).status_code == 403
        assert client.get(POSTS, headers=headers).status_code == 200

    def test_a_superuser_who_is_none_any_more_has_a_token_for_nothing(self, client, tenant):
        root = User.objects.create_superuser("root")
        _, headers = token_of(root, Scope.ADMINISTER)
        User.objects.update(is_superuser=False)

        assert client.get(POSTS, headers=headers).status_code == 403

    def test_the_limit_of_one_request_is_not_that_of_the_next(self, client, tenant):
        user = member(tenant, role=Role.OPERATOR)
        (_, read), (_, operate) = token_of(user), token_of(user, Scope.OPERATE)

        answers = [clean(client, headers).status_code for headers in (read, operate) * 2]

        assert answers == [403, 200, 403, 200]


class TestIssue:
    @pytest.mark.parametrize(
        ("role", "scope", "allowed"),
        [
            (Role.VIEWER, Scope.READ, True),
            (Role.VIEWER, Scope.OPERATE, False),
            (Role.OPERATOR, Scope.OPERATE, True),
            (Role.OPERATOR, Scope.ADMINISTER, False),
            (Role.ADMINISTRATOR, Scope.ADMINISTER, True),
        ],
    )
    @pytest.mark.parametrize("of_one", [True, False])
    def test_nobody_gets_more_than_the_role_allows(self, tenant, role, scope, allowed, of_one):
        user = member(tenant, role=role)
        wished = tenant if of_one else None

        if allowed:
            assert token_of(user, scope, tenant=wished)[0].scope == scope
        else:
            with pytest.raises(TokenNotIssued, match="role") as refusal:
                token_of(user, scope, tenant=wished)
            assert refusal.value.field == "scope"
            assert not ApiToken.objects.exists()

    def test_nobody_gets_one_for_a_tenant_of_others(self, ann):
        with pytest.raises(TokenNotIssued):
            token_of(ann, tenant=make.tenant())

    def test_nobody_gets_one_who_is_not_active_or_belongs_nowhere(self, tenant):
        with pytest.raises(TokenNotIssued):
            token_of(member(tenant, is_active=False))
        with pytest.raises(TokenNotIssued):
            token_of(member())

    @pytest.mark.parametrize(
        "lifetime", [None, timedelta(), timedelta(days=-1), timedelta(days=366), timedelta.max]
    )
    def test_it_expires_and_not_too_late(self, ann, lifetime):
        with pytest.raises(TokenNotIssued) as refusal:
            token_of(ann, lifetime=lifetime)

        assert refusal.value.field == "days"

    def test_it_never_expires_where_that_is_allowed(self, ask, ann):
        wish = Wish(user=ann, name="for ever", lifetime=None)

        token, secret = issue(wish, now=timezone.now(), may_be_endless=True)

        assert token.expiry is None
        assert ask({"Authorization": f"Token {secret}"}).status_code == 200

    def test_a_user_has_only_so_many(self, ann):
        tokens = [token_of(ann)[0] for _ in range(MOST_TOKENS)]
        with pytest.raises(TokenNotIssued, match=str(MOST_TOKENS)):
            token_of(ann)

        revoke(tokens[0], now=timezone.now())

        assert token_of(ann)

    def test_it_has_the_form_that_scanners_know_and_two_are_never_alike(self, ann):
        secrets = {secret_of(token_of(ann)[1]) for _ in range(20)}

        assert len(secrets) == 20
        for secret in secrets:
            assert secret.startswith("ta_")
            assert len(secret) == 3 + 64
            int(secret[3:], 16)

    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"scope": "everything"}, "api_token_scope_known"),
            ({"name": ""}, "api_token_named"),
            ({"digest": "ta_0123"}, "api_token_digest_sha512"),
            ({"token_key": "0123456789"}, "api_token_beginning_formed"),
            ({"expiry": timezone.now() - timedelta(days=9)}, "api_token_not_over_before_it_begins"),
        ],
    )
    def test_the_database_refuses_what_is_no_token(self, ann, values, constraint):
        token_of(ann)

        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            ApiToken.objects.update(**values)

    def test_there_is_no_second_table_of_tokens(self):
        assert AuthToken._meta.swapped == "accounts.ApiToken"
        assert not [name for name in connection.introspection.table_names() if "knox" in name]


class TestTraces:
    def test_its_life_is_in_the_audit_and_the_token_is_nowhere(self, ask, ann, tenant):
        token, headers = token_of(ann, tenant=tenant)
        revoke(token, now=timezone.now())
        ask(headers)

        entries = list(AuditEntry.objects.order_by("pk").values())
        found = [entry["event"] for entry in entries if entry["event"].startswith("token.")]
        assert found == ["token.issued", "token.revoked", "token.refused"]
        assert secret_of(headers)[15:] not in str(entries)
        assert token.digest not in str(entries)
        assert {entry["tenant_id"] for entry in entries if "token." in entry["event"]} == {
            tenant.pk
        }

    def test_no_log_says_it_however_it_is_written(self, ann):
        secret = secret_of(token_of(ann)[1])
        texts = [
            f"Authorization: Token {secret}", f"got {secret}!", json.dumps({"t": secret}), secret,
            f"https://host/?x={secret}&y=1", f"b'{secret}'", secret.upper(), f"{secret[:40]}…",
        ]  # fmt: skip

        for text in texts:
            assert secret[15:30].lower() not in redaction.redact(text).lower()
        assert redaction.redact(f"({secret})") == f"({secret[:15]}{redaction.HIDDEN})"
        assert redaction.redact(f"{secret[:15]}… is revoked") == f"{secret[:15]}… is revoked"

    def test_a_refused_request_does_not_log_what_was_sent(self, ask, caplog, ann):
        _, headers = token_of(ann)
        guess = secret_of(headers)[:-4] + "0000"

        ask({"Authorization": f"Token {guess}"})

        assert "nobody has" in caplog.text
        assert guess[15:] not in caplog.text

    def test_the_last_use_is_written_once_a_minute(self, ask, ann):
        token, headers = token_of(ann)

        ask(headers)
        token.refresh_from_db()
        first = token.last_used_at
        assert abs(first - timezone.now()) < timedelta(seconds=20)
        with CaptureQueriesContext(connection) as queries:
            ask(headers)
        assert not [query for query in queries if "UPDATE" in query["sql"]]
        ApiToken.objects.update(last_used_at=first - timedelta(seconds=61))
        ask(headers)

        token.refresh_from_db()
        assert token.last_used_at >= first

    def test_what_is_over_is_told_for_a_month_and_forgotten(self, ann):
        now = timezone.now()
        revoked, expired, valid = (token_of(ann)[0] for _ in range(3))
        old = now - KEPT - timedelta(days=90)
        ApiToken.objects.filter(pk=revoked.pk).update(revoked_at=now - KEPT)
        ApiToken.objects.filter(pk=expired.pk).update(created=old, expiry=now - KEPT)
        ApiToken.objects.filter(pk=valid.pk).update(created=old)

        assert forget(now=now - timedelta(seconds=1)) == 0
        assert tasks.prune_tokens() == "2 tokens deleted"

        assert [token.pk for token in ApiToken.objects.all()] == [valid.pk]
        assert {"accounts.tasks.prune_tokens", "accounts.tasks.prune_rate_limits"} <= {
            job.func for job in schedules.JOBS
        }


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_to_write_the_last_use(ann):
    token, _ = token_of(ann)
    now = timezone.now()

    with transaction.atomic():
        ApiToken.objects.select_for_update().get(pk=token.pk)

        def note():
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '50ms'")
            finding.note_use(token, now=now)

        assert together(note, note) == []

    finding.note_use(token, now=now)
    token.refresh_from_db()
    assert token.last_used_at == now
