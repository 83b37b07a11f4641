"""
robots.txt (RFC 9309): read once a day for each server, by protego.

A server that says there is none lets everybody in; one that cannot say lets nobody in until it can.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from protego import Protego

from crawl.fetchers.port import Fetcher, FetchFailed
from crawl.models import RobotsFile
from crawl.reasons import Reason
from events.outbound.hosts import OddHost, origin_of
from events.sentences import gettext_noop

MOST_BYTES: Final = 512 * 1024
KEPT: Final = timedelta(days=1)
KEPT_AWAY: Final = timedelta(minutes=10)
NO_ANSWER: Final = gettext_noop("no answer")
_FOUND: Final = 200
_REFUSED: Final = range(400, 500)
_BUSY: Final = 429


def require_open(url: str, fetcher: Fetcher, *, agent: str, now: datetime) -> None:
    """Raise FetchFailed where the server's robots.txt keeps `agent` from this address."""
    try:
        origin = str(origin_of(url))
    except OddHost:
        return  # the guard refuses it, and says why
    file = _current(origin, now=now) or _read(origin, fetcher, now=now)
    if file.status in _REFUSED and file.status != _BUSY:
        return
    if file.status != _FOUND:
        raise FetchFailed(Reason.ROBOTS_AWAY, str(file.status or NO_ANSWER), again=True)
    if not _parsed(file.text).can_fetch(url, agent):
        raise FetchFailed(Reason.ROBOTS, again=False)


def _current(origin: str, *, now: datetime) -> RobotsFile | None:
    file = RobotsFile.objects.filter(pk=origin).first()
    if file is None:
        return None
    is_said = file.status == _FOUND or (file.status in _REFUSED and file.status != _BUSY)
    return file if now - file.read_at < (KEPT if is_said else KEPT_AWAY) else None


def _read(origin: str, fetcher: Fetcher, *, now: datetime) -> RobotsFile:
    try:
        status, body = fetcher.read_small(f"{origin}/robots.txt", most_bytes=MOST_BYTES)
    except FetchFailed as failure:
        if not failure.again and failure.reason == Reason.ADDRESS:
            raise  # the host itself is refused
        status, body = 0, b""
    text = body.decode("utf-8", "replace").replace("\x00", "") if status == _FOUND else ""
    return RobotsFile.objects.update_or_create(
        pk=origin, defaults={"text": text, "status": status, "read_at": now}
    )[0]


@lru_cache(maxsize=64)
def _parsed(text: str) -> Protego:
    return Protego.parse(text)
