"""Find the token that was sent, and note that it is used."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.utils.crypto import constant_time_compare
from knox.crypto import hash_token

from accounts.models import ApiToken
from accounts.models.api_token import SHOWN_CHARS

USE_NOTED_EVERY: Final = timedelta(minutes=1)

# Whoever finds the row taken leaves it: somebody else notes the same use at this moment.
_NOTE: Final = """
UPDATE accounts_api_token SET last_used_at = %(now)s WHERE id = (
    SELECT id FROM accounts_api_token
    WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at <= %(before)s)
    FOR NO KEY UPDATE SKIP LOCKED
)
"""


def find(sent: str) -> ApiToken | None:
    """
    Return the row of the token that was sent, with its user; None if there is no such token.

    The row is found by the part that is no secret; the digests are compared in a time that does
    not tell how much of them is right. Whether the token is valid is not asked here.
    """
    digest = hash_token(sent)
    token = ApiToken.objects.select_related("user").filter(token_key=sent[:SHOWN_CHARS]).first()
    return token if token and constant_time_compare(digest, token.digest) else None


def note_use(token: ApiToken, *, now: datetime) -> None:
    """Write down that the token is used, once a minute at most, and without waiting for a lock."""
    before = now - USE_NOTED_EVERY
    if token.last_used_at is not None and token.last_used_at > before:
        return
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, {"id": token.pk, "now": now, "before": before})
