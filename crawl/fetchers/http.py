"""
The fetcher: httpx through the guard of outbound requests.

The guard resolves and checks each hop, pins the connection to the address that was checked, and
ends an answer that is too large or takes too long.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
from django.conf import settings
from django.utils import timezone

from crawl.fetchers.port import Answer, BeforeHop, FetchFailed
from crawl.reasons import Reason
from events.errors import RetryLater
from events.outbound import OutboundRefused, Policy, purposes
from events.outbound import Reason as Refusal
from events.outbound.client import client
from events.outbound.hosts import OddHost, origin_of
from events.outbound.proxies import EnvironmentProxies
from events.sentences import gettext_noop

ACCEPTED: Final = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
MIMES: Final = frozenset({"text/html", "application/xhtml+xml"})
_REASONS: Final = {Refusal.SIZE: Reason.TOO_LARGE, Refusal.REDIRECT: Reason.REDIRECTS}
SAID: Final = (gettext_noop("timed out"), gettext_noop("The read operation timed out"))
"""What httpx says, which the console shows in the reader's language."""
PROXY_PAUSE: Final = timedelta(minutes=5)
"""Until an operator has corrected the environment, and with it restarted the workers."""
_OK: Final = 200
_HOP: Final = "crawl.before_hop"


def policy() -> Policy:
    """The rules of the guard, within what the installation has configured."""
    one = settings.CRAWL
    return replace(
        purposes.crawler(),
        redirects=one.crawl_max_redirects,
        most_bytes=one.crawl_max_bytes,
        total_seconds=one.crawl_timeout_sec,
    )


class MisconfiguredProxy(RetryLater):
    """The environment names a proxy, behind which no page may be fetched: nothing is wrong with the page."""


class HttpFetcher:
    """
    See `port.Fetcher`.

    Each visit has a client of its own. Cookies last from one hop to the next, and no longer: what a
    server has set would follow all tenants, be sent to its neighbors, and never be forgotten.
    """

    def __init__(self) -> None:
        self._policy = policy()

    def require_usable(self, url: str) -> None:
        try:
            EnvironmentProxies(self._policy).proxy_for(origin_of(url))
        except OddHost:
            return  # the guard refuses it, and says why
        except OutboundRefused as refusal:
            raise MisconfiguredProxy(str(refusal), after=PROXY_PAUSE) from refusal

    def fetch(
        self, url: str, *, etag: str = "", last_modified: str = "", before_hop: BeforeHop
    ) -> Answer:
        asked = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {name: value for name, value in asked.items() if value}
        with self._answered(url, headers, before_hop) as answer:
            return _read(answer)

    def read_small(self, url: str, *, most_bytes: int) -> tuple[int, bytes]:
        with self._answered(url, {}, _any_hop) as answer:
            return answer.status_code, _beginning(answer, most_bytes)

    def close(self) -> None:
        """Nothing is open between two visits."""

    def _client(self) -> httpx.Client:
        one = client(self._policy, max_connections=2)
        one.headers["User-Agent"] = settings.CRAWL.crawl_user_agent
        one.headers["Accept"] = ACCEPTED
        one.event_hooks = {"request": [_before_request]}
        return one

    @contextmanager
    def _answered(
        self, url: str, headers: dict[str, str], before_hop: BeforeHop
    ) -> Iterator[httpx.Response]:
        """Everything that goes wrong inside the block becomes FetchFailed."""
        try:
            with (
                self._client() as visitor,
                visitor.stream(
                    "GET", url, headers=headers, extensions={_HOP: before_hop}
                ) as answer,
            ):
                yield answer
        except OutboundRefused as refusal:
            if refusal.reason == Refusal.PROXY:
                raise MisconfiguredProxy(str(refusal), after=PROXY_PAUSE) from refusal
            reason = _REASONS.get(refusal.reason, Reason.ADDRESS)
            raise FetchFailed(reason, str(refusal), again=False) from refusal
        except httpx.TooManyRedirects as error:
            raise FetchFailed(Reason.REDIRECTS, again=False) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise FetchFailed(Reason.ADDRESS, str(error), again=False) from error
        except httpx.TimeoutException as error:
            raise FetchFailed(Reason.TIMEOUT, str(error), again=True) from error
        except (httpx.HTTPError, UnicodeError) as error:
            raise FetchFailed(Reason.UNREACHABLE, str(error), again=True) from error


def _before_request(request: httpx.Request) -> None:
    """Called by httpx for each hop, before anything is resolved or sent."""
    request.extensions[_HOP](str(request.url))


def _any_hop(_: str) -> None:
    """Allow each hop: robots.txt is not asked whether robots.txt may be read."""


def _read(answer: httpx.Response) -> Answer:
    mime, charset = _content_type(answer.headers.get("content-type", ""))
    # Of an error page nobody reads the body.
    body = b"".join(answer.iter_bytes()) if answer.status_code == _OK and mime in MIMES else b""
    return Answer(
        status=answer.status_code,
        url=str(answer.url),
        body=body,
        mime=mime,
        charset=charset,
        etag=_sendable(answer.headers.get("etag", ""), 200),
        last_modified=_sendable(answer.headers.get("last-modified", ""), 100),
        retry_after=_retry_after(answer.headers.get("retry-after", "")),
    )


def _beginning(answer: httpx.Response, most_bytes: int) -> bytes:
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) >= most_bytes:
            break
    return bytes(body[:most_bytes])


def _content_type(header: str) -> tuple[str, str]:
    mime, _, rest = header.partition(";")
    named = [part.strip() for part in rest.split(";")]
    charset = next((p[8:].strip("\"' ") for p in named if p.lower().startswith("charset=")), "")
    # A server that does not say is taken at its word that it serves pages.
    return mime.strip().lower() or "text/html", charset[:40] if charset.isascii() else ""


def _sendable(value: str, most: int) -> str:
    """A header that can be sent back as it is; empty where it is too long or odd."""
    is_plain = value.isascii() and value.isprintable()
    return value if is_plain and len(value) <= most else ""


def _retry_after(header: str) -> timedelta | None:
    if header.isascii() and header.isdigit():
        return timedelta(seconds=min(int(header[:9]), 86_400))
    try:
        at: Any = parsedate_to_datetime(header)
        left: timedelta = at - timezone.now()
    except (ValueError, TypeError):
        return None
    return max(left, timedelta(0))
