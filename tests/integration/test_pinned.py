"""`is:pinned`: messages that were pinned, whichever source says it, in whatever order."""

from datetime import UTC

import pytest

from accounts.models import Tenant, User
from media.models import PinnedMessage, Post
from media.services import imports
from media.services.telegram.accounts import access as telegram
from media.services.telegram.reading import ingest
from media.services.telegram.reading.ingest import Order
from media.sources.export import ExportSource
from media.sources.telegram.live_message import Beside
from search.services.find import find_text
from search.services.indexing.index_words import index_words
from tests import factories as make
from tests.unit.exports import chat, message, write

pytestmark = pytest.mark.django_db(transaction=True)


def pin(number, of):
    return message(number, type="service", action="pin_message", message_id=of)


def run(folder, tenant, *messages):
    source = ExportSource(write(folder, chat(list(messages))), zone=UTC)
    imports.import_export(source=source, path=folder, tenant=tenant)


def found(tenant, text="is:pinned"):
    """Numbers of the messages that are found, and what was not understood."""
    index_words(list(Post.objects.values_list("pk", flat=True)), now=make.NOW)
    hits = find_text(text, [tenant.pk], limit=50)
    assert hits.problems == ()
    posts = Post.objects.in_bulk([hit.post_id for hit in hits.hits])
    return sorted(post.telegram_message_id for post in posts.values())


@pytest.fixture
def tenant(db) -> Tenant:
    return make.tenant("pins")


FIRST = [message(n, text=f"Новость {n}") for n in (1, 2, 3)]


def test_of_an_export_its_service_messages_say_it(tmp_path, tenant):
    run(tmp_path, tenant, *FIRST, pin(4, of=2), pin(5, of=2))

    assert found(tenant) == [2]
    assert found(tenant, "новость это:закреплено") == [2]
    assert found(tenant, "новость -is:pinned") == [1, 3]


def test_a_pin_may_be_known_before_its_message(tmp_path, tenant):
    run(tmp_path / "newer", tenant, message(9, text="Девятая"), pin(10, of=2))
    assert found(tenant) == []

    run(tmp_path / "older", tenant, *FIRST)
    assert found(tenant) == [2]


def test_an_export_that_is_imported_again_adds_pins_and_takes_none(tmp_path, tenant):
    run(tmp_path / "1", tenant, *FIRST, pin(4, of=1))
    run(tmp_path / "2", tenant, *FIRST, pin(4, of=1), pin(5, of=3))
    run(tmp_path / "3", tenant, *FIRST)

    assert found(tenant) == [1, 3]
    assert PinnedMessage.objects.count() == 2


@pytest.mark.parametrize("named", [None, "2", True, -2, 2**63, {"id": 2}])
def test_a_pin_that_names_no_message_is_counted_and_says_nothing(tmp_path, tenant, named):
    run(tmp_path, tenant, *FIRST, pin(4, of=named))

    assert PinnedMessage.objects.count() == 0


def test_a_chat_of_nothing_but_pins_keeps_them(tmp_path, tenant):
    run(tmp_path / "1", tenant, pin(4, of=2))
    run(tmp_path / "2", tenant, *FIRST)

    assert found(tenant) == [2]


def test_pins_of_another_tenants_copy_of_the_channel_are_not_mine(tmp_path, tenant):
    run(tmp_path / "1", make.tenant("others"), *FIRST, pin(4, of=2))
    run(tmp_path / "2", tenant, *FIRST)

    assert found(tenant) == []


def test_telegram_marks_them_itself(server, account):
    User.objects.create_user("anna")
    server.post(1, "plain")
    server.post(2, "pinned", beside=Beside(marks=("pinned",)))
    with telegram.connected(account) as access:
        feed = ingest.add(access, account, "@channel").feed
        ingest.read_channel(access, feed, Order())

    assert found(feed.channel.tenant) == [2]
