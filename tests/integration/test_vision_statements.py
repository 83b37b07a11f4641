"""
What a picture costs in the database, beside the provider: an upper bound of its statements.

A statement more is half a millisecond of the worker's processor and as much of PostgreSQL's, ten
times a second. Who needs one more raises the bound here, and says why.
"""

import io
import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from events import subscriptions
from events.delivery import run
from tests.factories import Archive
from vision.models import PaidAnalysis, PictureHash, PostEnrichment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ocr")]

PAID, READ, TRANSACTIONS = 25, 16, 6
"""
Without the ends of transactions, which are counted apart; what goes in one round trip is one
(`one_trip`). Once a paid one took 75 and 10, then 43, and 2 more that COPY hid.
"""


IN_TURN = 3
"""Once it was eight; each is a wait for the server and for the other threads."""


def photo(dice: random.Random) -> bytes:
    """A picture like no other, so that nothing is near it."""
    body = io.BytesIO()
    noise = Image.frombytes("RGB", (40, 30), dice.randbytes(40 * 30 * 3))
    noise.resize((320, 240)).save(body, "JPEG")
    return body.getvalue()


@pytest.fixture
def statements():
    """Deliver the second of two pictures, for the first finds many rows missing."""
    archive, dice = Archive(), random.Random(10)
    [listens] = [one for one in subscriptions.registered() if one.name == "vision.analyze"]

    archive.post(photo(dice))
    assert run.deliver_batch(listens).done == 1
    archive.post(photo(dice))
    with CaptureQueriesContext(connection) as captured:
        assert run.deliver_batch(listens).done == 1
    return [query["sql"] for query in captured]


def _in_turn(statements: list[str]) -> int:
    """Round trips from the tenant's turn to the commit that ends it: nobody else decides meanwhile."""
    [first] = [
        n for n, one in enumerate(statements) if "pg_advisory_xact_lock" in one and "look" in one
    ]
    return statements[first:].index("COMMIT")


def split(statements: list[str]) -> tuple[list[str], int]:
    """The statements that do something, and the number of transactions that begin."""
    ends = ("BEGIN", "COMMIT")
    return [s for s in statements if not s.startswith(ends)], statements.count("BEGIN")


class TestPaid:
    @pytest.fixture(autouse=True)
    def _paid(self, paid):
        self.paid = paid

    def test_a_picture_that_is_paid_for(self, statements):
        done, transactions = split(statements)

        assert len(self.paid.calls) == 2
        assert PaidAnalysis.objects.filter(state="done", follow_up_due=False).count() == 2
        assert _in_turn(statements) <= IN_TURN
        assert PostEnrichment.objects.count() == PictureHash.objects.count() == 2
        assert len(done) <= PAID, "\n".join(done)
        assert transactions <= TRANSACTIONS
        assert not [one for one in done if "SAVEPOINT" in one]


def test_a_picture_that_is_read_here(statements, ocr):
    done, transactions = split(statements)

    assert len(ocr.calls) == 2
    assert len(done) <= READ, "\n".join(done)
    assert transactions <= TRANSACTIONS
    assert not [one for one in done if "SAVEPOINT" in one]
