"""
What a batch of photos from Telegram costs in the database: an upper bound of its statements.

The thread that writes shares the processor with the one that downloads. A statement more is a third
of a millisecond, one that Django compiles up to three. Who needs one more raises the bound here, and
says why.
"""

import pytest
from django.db import connection
from django.db.models.sql.compiler import SQLCompiler
from django.test.utils import CaptureQueriesContext

from media.models import Post
from media.services.telegram.accounts import access as telegram
from media.services.telegram.reading import ingest, live_batches
from media.services.telegram.reading.ingest import Order
from tests.telegram_fake import BEGAN, photo

pytestmark = pytest.mark.django_db(transaction=True)

STATEMENTS, COMPILED = 31, 0
"""
Without COPY and the ends of transactions; what goes in one round trip is one (`one_trip`). Once they
were 35 and 23.
"""
PHOTOS = 10
"""As many as are a batch here."""


@pytest.fixture
def spent(server, account, monkeypatch):
    """Read the photos of a new channel; return the statements, and how many of them Django compiled."""
    monkeypatch.setattr(live_batches, "BATCH_FILES", PHOTOS)
    compiled = []
    as_sql = SQLCompiler.as_sql

    def counting(*args, **kwargs):
        compiled.append(1)
        return as_sql(*args, **kwargs)

    monkeypatch.setattr(SQLCompiler, "as_sql", counting)

    def read(first: int, last: int) -> tuple[list[str], int]:
        for number in range(first, last + 1):
            server.post(number, f"Post {number}", body=photo(number), at=BEGAN)
        with (
            telegram.connected(account) as access,
            CaptureQueriesContext(connection) as captured,
        ):
            feed = ingest.add(access, account, "@channel").feed
            before = len(compiled)
            ingest.read_channel(access, feed, Order())
        sent = [query["sql"] for query in captured]
        statements = [one for one in sent if not one.startswith(("BEGIN", "COMMIT"))]
        return statements, len(compiled) - before

    return read


@pytest.mark.costly
def test_a_batch_of_photos(spent):
    spent(1, PHOTOS)  # what is done once: the ledger's sum, the source of the history

    one, compiled_for_one = spent(PHOTOS + 1, 2 * PHOTOS)
    three, compiled_for_three = spent(2 * PHOTOS + 1, 5 * PHOTOS)

    assert Post.objects.filter(media_state="stored").count() == 5 * PHOTOS
    assert (len(three) - len(one)) / 2 <= STATEMENTS, "\n".join(three)
    assert (compiled_for_three - compiled_for_one) / 2 <= COMPILED
