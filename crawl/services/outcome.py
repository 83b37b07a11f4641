"""What a visit means for a page: its next state. Pure functions of the page and the answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from crawl.fetchers.port import Answer, FetchFailed
from crawl.models import CrawledPage, PageState
from crawl.reasons import Reason

BACK_OFF: Final = (
    timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6), timedelta(days=1),
)  # fmt: skip
"""Pauses between visits that came to nothing; after the last one there is no further."""
MOST_PATIENCE: Final = timedelta(seconds=120)
"""How long a server may have us wait before the one retry that it is granted."""
NOT_THE_PAGES_FAULT: Final = frozenset({Reason.TENANT_BUDGET, Reason.DOMAIN_BUDGET})
_GONE: Final = frozenset({404, 410})
_BUSY: Final = 429
_SERVER_ERRORS: Final = 500
_OK: Final = 200
NOT_MODIFIED: Final = 304


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state of a page after a visit, and why; `due_at` where it waits for another. `seconds` took the answer."""

    state: PageState
    reason: Reason
    details: str = ""
    http_status: int | None = None
    due_at: datetime | None = None
    seconds: float | None = None


def failure_of(answer: Answer, *, mimes: frozenset[str]) -> FetchFailed | None:
    """Why an answer is no page; None where it is one, or says that the page has not changed."""
    told = f"HTTP {answer.status}"
    if answer.status in {_OK, NOT_MODIFIED}:
        is_page = answer.status == NOT_MODIFIED or answer.mime in mimes
        return None if is_page else FetchFailed(Reason.NOT_HTML, answer.mime, again=False)
    if answer.status in _GONE:
        return FetchFailed(Reason.GONE, told, again=False)
    if answer.status == _BUSY:
        return FetchFailed(Reason.RATE_LIMITED, told, again=True, after=answer.retry_after)
    if answer.status >= _SERVER_ERRORS:
        return FetchFailed(Reason.SERVER_ERROR, told, again=True)
    return FetchFailed(Reason.HTTP_ERROR, told, again=False)


def after_failure(
    page: CrawledPage, failure: FetchFailed, *, status: int | None, now: datetime
) -> Outcome:
    """The outcome of a visit that failed; `page.attempts` counts this visit, too."""
    told: dict[str, Any] = {
        "reason": failure.reason,
        "details": _plain(failure.details)[:200],
        "http_status": status,
    }
    if failure.reason == Reason.GONE:
        return Outcome(PageState.GONE, **told)
    if not failure.again:
        return Outcome(PageState.REFUSED, **told)
    pause = _pause(page.attempts, failure)
    if pause is not None:
        return Outcome(PageState.WAITING, **told, due_at=now + pause)
    # It was there once: that nobody answers any more is how pages end.
    return Outcome(PageState.GONE if page.version else PageState.FAILED, **told)


def _plain(text: str) -> str:
    """Without what the database takes for no text; servers and services said it."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _pause(attempts: int, failure: FetchFailed) -> timedelta | None:
    if failure.reason in NOT_THE_PAGES_FAULT and failure.after is not None:
        return failure.after
    if failure.reason == Reason.RATE_LIMITED and attempts <= 1:
        return min(failure.after or MOST_PATIENCE, MOST_PATIENCE)
    if failure.after is not None and failure.reason != Reason.RATE_LIMITED:
        return failure.after
    return BACK_OFF[attempts - 1] if attempts <= len(BACK_OFF) else None
