"""
A session of `requests` that sends through the guard, for libraries that know no other client.

Such a library is django-allauth: at a sign-in it asks the provider of identities.
"""

import io
from typing import Any

import httpx
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from events.outbound.bodies import ACCEPTED
from events.outbound.client import client
from events.outbound.errors import OutboundRefused
from events.outbound.policy import Policy


def requests_session(policy: Policy) -> requests.Session:
    """
    Make a session whose requests follow this policy, each redirect again.

    What is refused is a requests.ConnectionError, since that is what its users expect to handle.
    """
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = policy.redirects
    for scheme in ("http://", "https://"):
        session.mount(scheme, GuardedAdapter(policy))
    return session


class GuardedAdapter(BaseAdapter):
    """Sends with the client of `events.outbound`; an answer is read whole, up to the limit."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self._client = client(policy)
        self._client.follow_redirects = False  # the session follows them, through here

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Timeouts, certificates and proxies of the caller are ignored: the policy has its own."""
        headers = httpx.Headers(dict(request.headers))  # type: ignore[arg-type]  # text or bytes
        headers["Accept-Encoding"] = ACCEPTED
        try:
            answer = self._client.request(
                request.method or "GET",
                request.url or "",
                content=request.body,  # type: ignore[arg-type]  # text, bytes or nothing
                headers=headers,
            )
        except httpx.TimeoutException as error:
            raise requests.Timeout(type(error).__name__, request=request) from error
        except (httpx.HTTPError, httpx.InvalidURL, OutboundRefused) as error:
            raise requests.ConnectionError(str(error), request=request) from error
        return _as_of_requests(request, answer)

    def close(self) -> None:
        self._client.close()


def _as_of_requests(request: requests.PreparedRequest, answer: httpx.Response) -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason = answer.status_code, answer.reason_phrase
    response.headers = CaseInsensitiveDict(answer.headers)
    response.encoding = answer.charset_encoding
    response.raw = io.BytesIO(answer.content)
    response.url, response.request = request.url or "", request
    return response
