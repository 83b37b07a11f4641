"""
No limit of time is as long as the one around it: `limits_check` asks for that at each start.

Where an inner limit is as long as an outer one, the work is ended from outside: its worker is
killed, or its lease ends and another worker begins the same. Nobody hears then that the provider
or the store hangs: no circuit breaker counts it, and no fallback takes over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import checks

from albums.services import claims as album_claims
from events import queue, subscriptions
from events.sentences import Sentence, gettext_noop
from events.supervision import supervisor, worker_process
from search import handlers
from search.services.meaning import payers
from storage_quota import reserve
from storage_quota import tasks as storage_tasks
from vision.analysis import backlog, follow_up
from vision.limits import circuit_breaker
from vision.providers.ocr import tesseract
from vision.services import provider_call

_TOO_LONG = Sentence(
    gettext_noop(
        "%(inner)s (%(seconds)s s) needs up to %(takes)s s, and %(outer)s, around it, ends after"
        " %(end)s s: set %(inner_again)s to less than %(most)s s"
    )
)
_ALL_OF_IT = Sentence(
    gettext_noop(
        "%(inner)s (%(seconds)s s) needs all of it, and %(outer)s, around it, ends after %(end)s s:"
        " set %(inner_again)s to less than %(most)s s"
    )
)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of time: `name` is that of the setting, or of the constant in the code."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Pair:
    """
    An inner limit, and the outer one around it.

    The work inside takes `times` the inner limit and `besides` seconds at most. `is_vital`: its
    work is ended from outside; otherwise it only comes too late for something.
    """

    inner: Limit
    outer: Limit
    times: float = 1
    besides: float = 0
    is_vital: bool = True

    @property
    def takes(self) -> float:
        return self.times * self.inner.seconds + self.besides

    @property
    def fits(self) -> bool:
        return self.takes < self.outer.seconds

    def __str__(self) -> str:
        most = (self.outer.seconds - self.besides) / self.times
        told = _TOO_LONG if self.takes != self.inner.seconds else _ALL_OF_IT
        return told % {
            "inner": self.inner.name, "seconds": f"{self.inner.seconds:g}",
            "takes": f"{self.takes:g}", "outer": self.outer.name,
            "end": f"{self.outer.seconds:g}", "inner_again": self.inner.name, "most": f"{most:g}",
        }  # fmt: skip


def problems() -> list[checks.CheckMessage]:
    """Return a message for each inner limit that is as long as the outer one."""
    return [_message(pair) for pair in pairs() if not pair.fits]


def pairs() -> Iterator[Pair]:
    """All pairs of limits, with the values of this installation."""
    yield from _of_the_provider()
    yield from _of_text_recognition()
    yield from _of_the_encoder()
    yield from _of_the_store()
    yield from _of_the_scheduler()
    yield from _of_workers()


def _message(pair: Pair) -> checks.CheckMessage:
    hint = gettext_noop("docs/configuration.md, Limits of time")
    if pair.is_vital:
        return checks.Error(str(pair), id="telegram_assistant.E001", hint=hint)
    return checks.Warning(str(pair), id="telegram_assistant.W001", hint=hint)


def _lease() -> Limit:
    return Limit(
        "the lease of a task (events.subscriptions.LEASE)", subscriptions.LEASE.total_seconds()
    )


def _scheduled(name: str = "timeout") -> Limit:
    cluster: dict[str, Any] = settings.Q_CLUSTER
    return Limit(f'Q_CLUSTER["{name}"]', cluster[name])


def _of_the_provider() -> Iterator[Pair]:
    call = Limit("GIGACHAT_VISION_TIMEOUT", settings.GIGACHAT.vision_timeout)
    calls, waiting = provider_call.CALLS, provider_call.WAITING.total_seconds()
    yield Pair(call, _lease(), calls, waiting)
    probe = circuit_breaker.PROBE_LEASE.total_seconds()
    # Upload and question: the answer of the probe is settled before the upload is deleted.
    yield Pair(call, Limit("the probe of the circuit breaker (PROBE_LEASE)", probe), calls - 1)
    seconds = follow_up.FOLLOW_UP_TIMEOUT.total_seconds()
    yield Pair(call, Limit("the time for what follows an answer (FOLLOW_UP_TIMEOUT)", seconds))
    album = Limit("ALBUM_TIMEOUT_MINUTES", settings.ALBUM_TIMEOUT.total_seconds())
    yield Pair(call, album, calls, waiting, is_vital=False)


def _of_text_recognition() -> Iterator[Pair]:
    run = Limit("VISION_OCR_TIMEOUT_SEC", settings.VISION.vision_ocr_timeout_sec)
    yield Pair(run, _lease(), tesseract.RUNS)


def _of_the_encoder() -> Iterator[Pair]:
    request = Limit("SEARCH_ENCODER_TIMEOUT_SEC", settings.SEARCH.encoder_timeout_sec)
    # Two models, of which each begins its last request, and waits for its place, late.
    besides = 2 * (handlers.ENCODING + payers.PATIENCE.total_seconds())
    yield Pair(request, _lease(), 2, besides)


def _of_the_store() -> Iterator[Pair]:
    s3 = settings.S3
    attempts = s3.max_retry_attempts
    pauses = sum(min(2.0**nth, 20.0) for nth in range(attempts - 1))
    connecting = s3.connect_timeout_sec * attempts + pauses
    answer = Limit("S3_READ_TIMEOUT_SEC", s3.read_timeout_sec)
    put = Limit("the time for writing an object (PUT_WITHIN)", reserve.PUT_WITHIN.total_seconds())
    album = Limit("the claim of an album (CLAIM)", album_claims.CLAIM.total_seconds())
    for outer in (_lease(), put, album):
        yield Pair(answer, outer, attempts, connecting)
    box = max(storage_tasks.TIME_BOX.total_seconds(), storage_tasks.VERIFY_SECONDS)
    yield Pair(answer, _scheduled(), attempts, connecting + box)
    ttl = Limit("RESERVATION_TTL", reserve.RESERVATION_TTL.total_seconds())
    yield Pair(put, ttl)


def _of_the_scheduler() -> Iterator[Pair]:
    retry = _scheduled("retry")
    yield Pair(_scheduled(), retry)
    yield Pair(retry, Limit("LOST_AFTER", queue.LOST_AFTER.total_seconds()))


def _of_workers() -> Iterator[Pair]:
    yield Pair(_lease(), Limit("REQUEST_TIMEOUT", backlog.REQUEST_TIMEOUT.total_seconds()))
    grace = Limit("the grace of a worker (GRACE)", worker_process.GRACE)
    yield Pair(grace, Limit("the grace of the supervisor (GRACE)", supervisor.GRACE))
