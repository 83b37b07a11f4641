"""What the processes of the web server keep between two requests, and what they share."""

import io

import pytest
from django.core.cache import cache
from django.core.wsgi import get_wsgi_application
from django.db import connection

from accounts.models import User
from telegram_assistant.console import dashboard
from telegram_assistant.models import CacheEntry
from tests import factories as make
from tests.concurrency import in_threads
from tests.tokens import token_of

pytestmark = pytest.mark.django_db(transaction=True)


PATH = "/api/v1/storage/stats"


@pytest.fixture
def get():
    """An operator's request through the WSGI handler; Django's test client never closes."""
    _, headers = token_of(User.objects.create_superuser("ann"))
    application = get_wsgi_application()
    connection.close()

    def _():
        status = []
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": PATH, "SERVER_NAME": "localhost",
            "SERVER_PORT": "80", "HTTP_AUTHORIZATION": headers["Authorization"],
            "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http",
        }  # fmt: skip
        response = application(environ, lambda line, _headers: status.append(line))
        response.close()
        return status[0]

    yield _
    connection.close()


def backend():
    """The process of PostgreSQL that serves this thread's connection, if it is open."""
    return connection.connection and connection.connection.info.backend_pid


def test_two_requests_share_a_connection(get):
    get()
    first = backend()
    get()

    assert first is not None
    assert backend() == first


def test_a_connection_that_broke_between_two_requests_is_replaced(get):
    get()
    before = backend()

    def terminate():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [before])

    in_threads(terminate)

    assert get() == "200 OK"
    assert backend() not in {None, before}


def test_the_cache_lies_in_the_database_where_every_process_finds_it():
    cache.set("seen", {"by": "everybody"})

    assert CacheEntry.objects.count() == 1
    found = []
    in_threads(lambda: found.append(cache.get("seen")))  # on a connection of its own
    assert found == [{"by": "everybody"}]


class TestWaitingDeliveries:
    @pytest.fixture
    def shown(self):
        def _():
            return next(dashboard._deliveries(make.superuser())).value

        return _

    def test_a_large_number_is_counted_once_for_all_processes(self, shown, monkeypatch):
        monkeypatch.setattr(dashboard, "EXACT_UP_TO", 2)
        last = [make.delivery(state="pending") for _ in range(4)][-1]

        before = shown()
        last.delete()

        assert (before, shown()) == ("4", "4")

    def test_a_small_number_is_always_up_to_date(self, shown, monkeypatch):
        monkeypatch.setattr(dashboard, "EXACT_UP_TO", 2)
        last = [make.delivery(state="pending") for _ in range(3)][-1]

        before = shown()
        last.delete()

        assert (before, shown()) == ("3", "2")
