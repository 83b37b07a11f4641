"""Passages for tests of answers."""

import uuid
from datetime import UTC, datetime

from search.ask.passages import Passage


def passage(number: int, text: str, **fields) -> Passage:
    usual = {
        "post_id": uuid.uuid4(), "tenant_id": uuid.uuid4(), "channel": "Новости", "url": "",
        "posted_at": datetime(2026, 11, 5, tzinfo=UTC),
    }  # fmt: skip
    return Passage(number=number, text=text, **(usual | fields))
