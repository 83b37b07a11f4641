"""
Who is counted for a request of the API.

It is done by the classes that authenticate (`accounts.tokens.authentication`), and not by those of
DRF that throttle: DRF asks them only after the permissions, so they would never see whoever is
refused with 401 or 403 as often as he likes.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import Throttled

from accounts.client_address import client_address, network_of
from accounts.rate_limits.limiter import take
from accounts.rate_limits.rate import Rate, Rates

logger = logging.getLogger(__name__)


def count_token(token_id: object) -> None:
    """Count a request with this token; raises Throttled."""
    _count(f"token:{token_id}", _rates().per_token)


def count_user(user_id: object) -> None:
    """Count a request of this user's session; raises Throttled."""
    _count(f"user:{user_id}", _rates().per_user)


def count_address(request: HttpRequest) -> None:
    """Count a request of somebody who shows nothing; raises Throttled."""
    _count(f"address:{network_of(client_address(request))}", _rates().per_address)


def count_failure(request: HttpRequest) -> None:
    """
    Count a token that is not accepted; raises Throttled.

    Good tokens from the same address are accepted all the same: nobody is locked out by a
    neighbor's guesses, and nobody guesses 200 bits.
    """
    _count(f"failure:{network_of(client_address(request))}", _rates().failures)


def count_question(user_id: object) -> None:
    """
    Count a question that may be answered by a provider; raises Throttled.

    By user, whichever door it comes in by: each may cost tokens, and takes seconds.
    """
    _count(f"question:{user_id}", _rates().questions)


def _count(key: str, rate: Rate | None) -> None:
    wait = take(key, rate) if rate else None
    if wait is not None:
        logger.info("too many requests of %s, the next one in %.1f s", key, wait.total_seconds())
        raise _throttled(wait)


def _throttled(wait: timedelta) -> Throttled:
    """DRF rounds seconds up, so that whoever waits as long as he is told passes."""
    return Throttled(wait=wait.total_seconds())


def _rates() -> Rates:
    rates: Rates = settings.API_RATES
    return rates
