"""Too many requests are answered 429, by whom they come from, and whoever waits passes."""

from datetime import timedelta

import pytest
from django.conf import settings as project
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, RateLimit, Scope, User
from accounts.rate_limits.rate import NONE, Rate, Rates
from tests import factories as make
from tests.processes import run_python
from tests.tokens import member, token_of

pytestmark = pytest.mark.django_db

POSTS = "/api/v1/vision/posts"
CLEANUP = "/api/v1/storage/cleanup"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def rates(settings):
    settings.API_RATES = Rates(
        per_token=Rate(3, HOUR), per_user=Rate(4, HOUR), per_address=Rate(5, HOUR),
        failures=Rate(2, HOUR),
    )  # fmt: skip
    return settings.API_RATES


@pytest.fixture
def tenant():
    return make.tenant()


def statuses(times, ask):
    return [ask().status_code for _ in range(times)]


def time_passes(passed):
    """So much later."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_rate_limit SET used_until = used_until - %s", [passed])


def test_a_token_may_ask_so_often_and_then_waits(client, tenant):
    _, headers = token_of(member(tenant))

    def ask():
        return client.get(POSTS, headers=headers)

    assert statuses(5, ask) == [200, 200, 200, 429, 429]
    answer = ask()
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "throttled"
    assert answer.json()["status"] == 429
    wait = int(answer["Retry-After"])
    assert 1190 <= wait <= 1200  # a third of the hour
    time_passes(timedelta(seconds=wait - 10))
    assert ask().status_code == 429
    time_passes(timedelta(seconds=10))
    assert statuses(2, ask) == [200, 429]


def test_other_tokens_of_the_same_user_have_their_own(client, tenant):
    user = member(tenant)
    (_, first), (_, second) = token_of(user), token_of(user)

    assert statuses(4, lambda: client.get(POSTS, headers=first)) == [200, 200, 200, 429]
    assert client.get(POSTS, headers=second).status_code == 200
    client.force_login(user)
    assert client.get(POSTS).status_code == 200


def test_requests_that_are_refused_for_their_role_count_as_well(client, tenant):
    _, headers = token_of(member(tenant))

    assert statuses(4, lambda: client.post(CLEANUP, headers=headers)) == [403, 403, 403, 429]


def test_a_user_has_one_rate_in_all_browsers(tenant):
    user, browsers = member(tenant), (Client(), Client())
    for browser in browsers:
        browser.force_login(user)

    answers = [browser.get(POSTS).status_code for _ in range(3) for browser in browsers]

    assert answers == [200, 200, 200, 200, 429, 429]


def test_a_session_without_its_csrf_token_counts_as_well(tenant):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(member(tenant))

    assert statuses(5, lambda: browser.post(CLEANUP)) == [403, 403, 403, 403, 429]


def test_whoever_shows_nothing_is_known_by_the_address(client):
    def ask(address):
        return client.get(POSTS, REMOTE_ADDR=address)

    assert statuses(6, lambda: ask("203.0.113.5")) == [401] * 5 + [429]
    assert ask("203.0.113.6").status_code == 401


def test_an_invented_header_gives_no_new_address(client, settings):
    def ask(number, entry=""):
        return client.get(POSTS, headers={"X-Forwarded-For": f"203.0.113.{number}{entry}"})

    assert [ask(n).status_code for n in range(6)] == [401] * 5 + [429]
    settings.TRUSTED_PROXIES = 1
    assert [ask(n, ", 198.51.100.7").status_code for n in range(6)] == [401] * 5 + [429]
    assert ask(0, ", 198.51.100.8").status_code == 401


def test_a_network_of_ipv6_is_one_address(client):
    answers = [client.get(POSTS, REMOTE_ADDR=f"2001:db8::{n:x}:1").status_code for n in range(6)]

    assert answers == [401] * 5 + [429]


def test_a_session_that_nobody_has_is_nobody(client):
    def ask():
        client.cookies[project.SESSION_COOKIE_NAME] = "x" * 32
        return client.get(POSTS)

    assert statuses(6, ask) == [401] * 5 + [429]


def test_tokens_that_are_not_accepted_count_for_the_address(client, tenant):
    _, good = token_of(member(tenant))

    def guess(address="203.0.113.5"):
        return client.get(POSTS, headers={"Authorization": "Token ta_x"}, REMOTE_ADDR=address)

    assert statuses(4, guess) == [401, 401, 429, 429]
    assert guess("203.0.113.6").status_code == 401
    assert guess()["Retry-After"]
    # The neighbor with a good token is not locked out.
    assert client.get(POSTS, headers=good, REMOTE_ADDR="203.0.113.5").status_code == 200


def test_a_replayed_token_fills_neither_the_audit_nor_the_log(client, tenant, caplog):
    user = member(tenant)
    _, headers = token_of(user)
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert statuses(9, lambda: client.get(POSTS, headers=headers)) == [401] * 2 + [429] * 7
    assert AuditEntry.objects.filter(event="token.refused").count() == 2
    assert caplog.text.count("is refused") == 2


@pytest.mark.costly
@pytest.mark.parametrize(
    "path", ["/health", "/health/live", "/health/ready", "/health/detailed", "/metrics"]
)
def test_monitoring_may_ask_as_often_as_it_likes(client, path):
    assert set(statuses(8, lambda: client.get(path))) <= {200, 503}
    assert not RateLimit.objects.exists()


def test_an_empty_rate_is_no_limit(client, tenant, settings):
    settings.API_RATES = Rates(per_address=Rate(1, HOUR))
    _, headers = token_of(member(tenant))

    assert set(statuses(8, lambda: client.get(POSTS, headers=headers))) == {200}


def test_inside_of_a_process_nobody_is_counted():
    """The tests' clients and `e2e_vision` ask without a web server."""
    from telegram_assistant import settings  # noqa: PLC0415

    assert settings.API_RATES is NONE
    assert settings.ENV.api.rates().per_token == Rate(600, timedelta(minutes=1))


def test_in_the_web_server_everybody_is():
    code = (
        "import telegram_assistant.metrics.folder as folder; folder.role = 'web'\n"
        "from telegram_assistant import settings; print(settings.API_RATES.per_address)"
    )

    said = run_python("-c", code)

    assert "count=60" in said.stdout, said.stderr


def test_a_request_by_token_takes_one_statement_more(client, tenant, settings):
    _, headers = token_of(member(tenant), Scope.READ)
    client.get(POSTS, headers=headers)  # writes the first use

    def queries():
        with CaptureQueriesContext(connection) as found:
            client.get(POSTS, headers=headers)
        return [query["sql"] for query in found]

    counted = queries()
    settings.API_RATES = NONE

    assert len(counted) == len(queries()) + 1
