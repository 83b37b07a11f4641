"""
Qdrant's client: the only home of the package `qdrant-client`, which is installed where it is used.

It speaks HTTP through the guard of outbound requests. gRPC stays off: its threads do not survive a
fork, and workers are forks.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from events.outbound import OutboundRefused, purposes
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from search.index.port import IndexRefused, IndexUnavailable

READ_SECONDS: Final = 10
WRITE_SECONDS: Final = 60
_BAD_KEY: Final = {401, 403}
_MAYBE_LATER: Final = {404, 408, 409, 429}
"""A collection may be missing because a rebuild has just replaced it."""
_BUSY: Final = Sentence(_("Qdrant is busy: %(said)s"))
_REFUSES: Final = Sentence(_("Qdrant refuses the request: %(said)s"))
_REFUSES_BY: Final = Sentence(_("Qdrant refuses the request (HTTP %(status)s): %(said)s"))
_SILENT: Final = Sentence(
    _("Qdrant does not answer at %(url)s (%(why)s): start it, or correct QDRANT_URL")
)
_WRONG_KEY: Final = Sentence(
    _("Qdrant at %(url)s refuses the key (HTTP %(status)s): check QDRANT_API_KEY")
)
_NO_QDRANT: Final = Sentence(
    _("what answers at %(url)s is not Qdrant (HTTP %(status)s): check QDRANT_URL")
)
_ANSWERS: Final = Sentence(_("Qdrant answers HTTP %(status)s: %(said)s"))


@dataclass(slots=True)
class _Held:
    """The client of the process `pid`, which a fork leaves to its parent; in tests, another one."""

    own: Any = None
    pid: int = 0
    replacement: Any = None


_held: Final = _Held()


def client() -> Any:
    """Return the client of this process; nothing is imported or connected before."""
    if _held.replacement is not None:
        return _held.replacement
    if _held.own is None or _held.pid != os.getpid():
        _held.own, _held.pid = _new(), os.getpid()
    return _held.own


def use(replacement: Any) -> Any:
    """Replace the client of this process, None: by none; returns the replacement before."""
    before, _held.replacement = _held.replacement, replacement
    return before


def forget() -> None:
    """Connect anew at the next request, as after a change of the address."""
    if _held.own is not None and _held.pid == os.getpid():
        _held.own.close()
    _held.own = None


def models() -> Any:
    """Qdrant's types of requests."""
    return _package().models


@contextmanager
def answering() -> Iterator[None]:
    """
    Turn what the client raises inside into IndexUnavailable and IndexRefused, with a remedy.

    A ValueError is how the local mode refuses what a server refuses with HTTP 400.
    """
    package = _package()
    errors, busy = package.http.exceptions, package.common.client_exceptions.QdrantException
    try:
        yield
    except errors.ResponseHandlingException as error:
        raise IndexUnavailable(_unreached(error.source)) from error
    except errors.UnexpectedResponse as error:
        raise _refusal(error.status_code or 0, _said(error)) from error
    except busy as error:
        raise IndexUnavailable(_BUSY % {"said": error}) from error
    except ValueError as error:
        raise IndexRefused(_REFUSES % {"said": error}) from error


def _new() -> Any:
    from search.index.qdrant.transport import Transport  # noqa: PLC0415 - late

    package, given = _package(), settings.QDRANT
    policy = purposes.vectors(given.url, seconds=WRITE_SECONDS)
    with warnings.catch_warnings():
        # In a network of containers a key is sent without TLS; the operator wrote the address.
        warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
        return package.QdrantClient(
            url=given.url,
            api_key=given.api_key.get_secret_value() or None,
            prefer_grpc=False,
            check_compatibility=False,  # would ask in a thread of its own, past the guard
            timeout=READ_SECONDS,
            transport=Transport(policy),
            trust_env=False,
        )


def _package() -> Any:
    try:
        import qdrant_client.common.client_exceptions  # noqa: PLC0415 - late: 40 MB
        import qdrant_client.http.exceptions  # noqa: PLC0415 - late
        import qdrant_client.models  # noqa: PLC0415 - late
    except ImportError as error:
        raise IndexUnavailable(
            _(
                "QDRANT_URL is set, and the package qdrant-client is not installed:"
                " pip install -r requirements/qdrant.txt"
            )
        ) from error
    return qdrant_client


def _unreached(source: Exception) -> str:
    if isinstance(source, OutboundRefused):
        return str(source)
    what = f"{type(source).__name__}: {source}".strip().partition("\n")[0].removesuffix(":")
    return _SILENT % {"url": settings.QDRANT.url, "why": what}


def _refusal(status: int, said: str) -> Exception:
    told = {"url": settings.QDRANT.url, "status": status, "said": said}
    if status in _BAD_KEY:
        return IndexUnavailable(_WRONG_KEY % told)
    if not said:
        return IndexUnavailable(_NO_QDRANT % told)
    if status in _MAYBE_LATER or status >= 500:  # noqa: PLR2004 - the servers' own failures
        return IndexUnavailable(_ANSWERS % told)
    return IndexRefused(_REFUSES_BY % told)


def _said(error: Any) -> str:
    """What Qdrant gives as the reason; empty where the answer is none of Qdrant's."""
    try:
        status = error.structured()["status"]
        return str(status["error"] if isinstance(status, dict) else status)[:300]
    except (ValueError, KeyError, TypeError):
        return ""
