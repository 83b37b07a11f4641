"""
robots.txt (RFC 9309): read once a day for each server, by protego.

A server that says there is none lets everybody in; one that cannot say lets nobody in until it can.
"""

import re
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
MOST_RULES: Final = 200_000
"""
Rules of a file, each counted once for every name that its group is for: so many does protego make of
them. Half a megabyte of names and rules would be hundreds of millions, which no memory holds.
"""
NO_ANSWER: Final = gettext_noop("no answer")
TOO_MANY_RULES: Final = gettext_noop("too many rules")
_NAME: Final = re.compile(r"user[- ]?agent\s*:")
_RULE: Final = re.compile(r"(dis)?allow\s*:")
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
    rules = _parsed(file.text)
    if rules is None:
        raise FetchFailed(Reason.ROBOTS_AWAY, TOO_MANY_RULES, again=True)
    if not rules.can_fetch(url, agent):
        raise FetchFailed(Reason.ROBOTS, again=False)


def forget_old(*, now: datetime) -> int:
    """Delete what would be read again anyway; returns how many files. There is a host in each link."""
    return RobotsFile.objects.filter(read_at__lt=now - KEPT).delete()[0]


def _current(origin: str, *, now: datetime) -> RobotsFile | None:
    file = RobotsFile.objects.filter(pk=origin).first()
    if file is None:
        return None
    is_said = file.status == _FOUND or (file.status in _REFUSED and file.status != _BUSY)
    age = now - file.read_at  # negative where a clock was ahead when it was read
    return file if timedelta(0) <= age < (KEPT if is_said else KEPT_AWAY) else None


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


@lru_cache(maxsize=4)  # of the largest files each takes twenty megabytes
def _parsed(text: str) -> Protego | None:
    """The rules; None where they are too many."""
    return Protego.parse(text) if count_rules(text) <= MOST_RULES else None


def count_rules(text: str) -> int:
    """
    Count rules, each once for every name of its group; what is in doubt counts more rather than less.

    So only what protego surely takes for the first name of a group begins one.
    """
    names, total, has_rules = 0, 0, False
    for line in text.splitlines():
        told = line.partition("#")[0].strip().lower()
        if told.startswith("user"):
            names = 1 if has_rules and _NAME.match(told) else names + 1
            has_rules = False
        elif told:
            total += names
            has_rules = has_rules or bool(_RULE.match(told))
    return total
