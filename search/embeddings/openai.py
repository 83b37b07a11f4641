"""Encoders at any address that speaks OpenAI's `POST /embeddings`: Ollama, vLLM, TEI, OpenAI."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import httpx

from events.outbound import OddHost, OutboundRefused, purposes
from events.outbound.client import client
from events.outbound.made_once import made_once
from events.sentences import Sentence, gettext_noop
from search.embeddings.answers import vectors_of
from search.embeddings.port import EncoderUnavailable, TextsRefused, Vector
from search.embeddings.requested import Preparation, RequestedEncoder

LONGEST_WAIT: Final = timedelta(hours=1)
_TEXTS_TO_BLAME: Final = (
    HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY,
)  # fmt: skip
_ODD_URL: Final = Sentence(gettext_noop("check SEARCH_OPENAI_URL: %(why)s"))
_NOT_REACHED: Final = Sentence(
    gettext_noop("the encoder is not reached (%(error)s): check SEARCH_OPENAI_URL")
)
_REFUSES: Final = Sentence(
    gettext_noop("the encoder refuses the request with HTTP %(status)s: check SEARCH_OPENAI_MODEL")
)
_ANSWERS: Final = Sentence(gettext_noop("the encoder answers HTTP %(status)s"))
_REMEDIES: Final = {
    HTTPStatus.UNAUTHORIZED: gettext_noop("check SEARCH_OPENAI_API_KEY"),
    HTTPStatus.PAYMENT_REQUIRED: gettext_noop("the account has nothing left"),
    HTTPStatus.FORBIDDEN: gettext_noop("check SEARCH_OPENAI_API_KEY and SEARCH_OPENAI_MODEL"),
    HTTPStatus.NOT_FOUND: gettext_noop("check SEARCH_OPENAI_URL and SEARCH_OPENAI_MODEL"),
}


class OpenAiEncoder(RequestedEncoder):
    """
    `url` is the base, such as http://127.0.0.1:11434/v1.

    `seconds` are for one request with all of its answer. Opens no connection before the first
    request, so it survives a fork until then.
    """

    def __init__(
        self,
        *,
        url: str,
        model: str,
        key: str,
        how: Preparation,
        seconds: float,
        dimension: int = 0,
    ) -> None:
        super().__init__(kind="openai", model=model, how=how, dimension=dimension)
        self._url, self._model, self._key, self._seconds = url.rstrip("/"), model, key, seconds

    @made_once
    def _client(self) -> httpx.Client:
        try:
            policy = purposes.encoder(self._url, seconds=self._seconds, has_key=bool(self._key))
        except OddHost as odd:
            raise EncoderUnavailable(_ODD_URL % {"why": odd}) from odd
        return client(policy, max_connections=4)

    def close(self) -> None:
        self._client.close()

    def _request(self, texts: Sequence[str]) -> list[Vector]:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        asked = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        try:
            answer = self._client.post(f"{self._url}/embeddings", json=asked, headers=headers)
        except OutboundRefused as refused:
            raise EncoderUnavailable(str(refused)) from refused
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EncoderUnavailable(_NOT_REACHED % {"error": type(error).__name__}) from error
        if answer.status_code != HTTPStatus.OK:
            raise _failure(answer)
        return vectors_of(_data(answer), texts=len(texts), dimension=self.dimension)


def _data(answer: httpx.Response) -> Any:
    try:
        parsed = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise EncoderUnavailable(gettext_noop("the encoder's answer is no JSON")) from error
    return parsed.get("data") if isinstance(parsed, dict) else None


def _failure(answer: httpx.Response) -> EncoderUnavailable:
    """What a status means; bodies are not repeated, for gateways put anything in them."""
    status = answer.status_code
    if status in _TEXTS_TO_BLAME:
        return TextsRefused(_REFUSES % {"status": status})
    if remedy := _REMEDIES.get(HTTPStatus(status) if status in _REMEDIES else HTTPStatus.OK):
        return EncoderUnavailable(_ANSWERS % {"status": f"{status}: {remedy}"})
    wait = retry_after(answer.headers.get("retry-after", ""), now=datetime.now(UTC))
    return EncoderUnavailable(_ANSWERS % {"status": status}, after=wait)


def retry_after(header: str, *, now: datetime) -> timedelta | None:
    """The wait that a header asks for: seconds or a date; None where it makes no sense."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - now).total_seconds()
        except (ValueError, TypeError):
            return None
    if not 0 < seconds < float("inf"):
        return None
    return min(timedelta(seconds=min(seconds, 1e6)), LONGEST_WAIT)
