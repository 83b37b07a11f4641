"""
The fetcher that lets a service of Crawl4AI fetch, in a browser: for pages that are made by scripts.

It fetches by itself. What is checked here is the address that is handed over, and where the service
says that it was led; which addresses it connects to on the way, and what a page has its browser
request, is the service's affair. So it belongs into a network of its own, and is off as delivered.
"""

from datetime import timedelta
from typing import Any, Final

import httpx
from django.conf import settings
from pydantic import BaseModel

from crawl.fetchers import http
from crawl.fetchers.port import Answer, BeforeHop, FetchFailed
from crawl.reasons import Reason
from events.errors import RetryLater
from events.outbound import OutboundRefused, connections, purposes
from events.outbound.client import client
from events.outbound.hosts import OddHost, origin_of

PAUSE: Final = timedelta(minutes=5)
TIMES_LARGER: Final = 8
"""An answer repeats the page in several forms, and as JSON."""

_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_TURNED_AWAY: Final = frozenset({401, 403, 429})

_STATUSES: Final = range(100, 600)
"""What the service gives as a status and is none says nothing of the page."""


class ServiceUnavailable(RetryLater):
    """Crawl4AI does not answer, or refuses us: nothing is wrong with the page."""


class ServiceNotAsked(ServiceUnavailable):
    """It took no request: nobody can have fetched the page."""


class _Result(BaseModel):
    """What the service says of one page; it says more than is read here."""

    success: bool = False
    html: str | None = None
    status_code: int | None = None
    redirected_url: str | None = None
    response_headers: dict[str, Any] | None = None
    error_message: str | None = None


class _Reply(BaseModel):
    results: list[_Result] = []


class Crawl4aiFetcher:
    """See `port.Fetcher`. It knows no conditional requests: each visit fetches all of the page."""

    def __init__(self) -> None:
        one = settings.CRAWL
        token = one.crawl4ai_api_token.get_secret_value()
        self._direct = http.HttpFetcher()
        rules = purposes.page_service(
            one.crawl4ai_url,
            seconds=one.crawl4ai_timeout_sec,
            most_bytes=TIMES_LARGER * one.crawl_max_bytes,
            has_key=bool(token),
        )
        self._client = client(
            rules, base_url=one.crawl4ai_url, max_connections=one.max_concurrent_crawls
        )
        if token:
            self._client.headers["Authorization"] = f"Bearer {token}"

    def require_usable(self, url: str) -> None:
        """Whether robots.txt can be read at all; the service itself has a proxy of its own, or none."""
        self._direct.require_usable(url)

    def fetch(
        self, url: str, *, etag: str = "", last_modified: str = "", before_hop: BeforeHop
    ) -> Answer:
        before_hop(url)
        _require_public(url)
        answer = _answer_of(self._result(url), url)
        if answer.url != url:
            before_hop(answer.url)
            _require_public(answer.url)
        return answer

    def read_small(self, url: str, *, most_bytes: int) -> tuple[int, bytes]:
        """Read robots.txt without the service: its browser would make a page of it."""
        return self._direct.read_small(url, most_bytes=most_bytes)

    def close(self) -> None:
        self._client.close()
        self._direct.close()

    def _result(self, url: str) -> _Result:
        agent = settings.CRAWL.crawl_user_agent
        asked = {
            "urls": [url],
            "browser_config": {"type": "BrowserConfig", "params": {"user_agent": agent}},
            "crawler_config": {"type": "CrawlerRunConfig", "params": {"cache_mode": "bypass"}},
        }
        try:
            reply = self._client.post("/crawl", json=asked)
            reply.raise_for_status()
        except OutboundRefused as refusal:
            raise ServiceUnavailable(str(refusal), after=PAUSE) from refusal
        except httpx.HTTPError as error:
            said = f"Crawl4AI at CRAWL4AI_URL: {type(error).__name__}"
            kind = ServiceNotAsked if _is_not_asked(error) else ServiceUnavailable
            raise kind(said, after=PAUSE) from error
        return _result_of(reply.content)


def _is_not_asked(error: httpx.HTTPError) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _TURNED_AWAY
    return isinstance(error, _NEVER_SENT)


def _result_of(reply: bytes) -> _Result:
    """Read an answer. One that says nothing of the page counts as a visit: it may not be asked for ever."""
    try:
        [result] = _Reply.model_validate_json(reply).results
    except ValueError as error:
        raise FetchFailed(Reason.UNREACHABLE, type(error).__name__, again=True) from error
    return result


def _require_public(url: str) -> None:
    """Raise FetchFailed where our own fetcher would not go either."""
    rules = http.policy()
    try:
        origin = origin_of(url)
        rules.admit(origin)
        connections.checked(rules, origin.host, origin.port, timeout=rules.connect_seconds)
    except (OutboundRefused, OddHost) as refusal:
        raise FetchFailed(Reason.ADDRESS, str(refusal), again=False) from refusal
    except OSError as error:
        raise FetchFailed(Reason.UNREACHABLE, str(error), again=True) from error


def _answer_of(result: _Result, url: str) -> Answer:
    if result.status_code is None or result.status_code not in _STATUSES:
        raise FetchFailed(Reason.UNREACHABLE, (result.error_message or "")[:200], again=True)
    body = (result.html or "").encode("utf-8", "replace")
    if len(body) > settings.CRAWL.crawl_max_bytes:
        raise FetchFailed(Reason.TOO_LARGE, again=False)
    headers = {name.lower(): str(value) for name, value in (result.response_headers or {}).items()}
    mime = headers.get("content-type", "").partition(";")[0].strip().lower()
    final = result.redirected_url or url
    if not final.isprintable():
        raise FetchFailed(Reason.ADDRESS, repr(final[:100]), again=False)
    return Answer(
        status=result.status_code,
        url=final,
        body=body,
        mime=mime or "text/html",
        charset="utf-8",
    )
