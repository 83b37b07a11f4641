"""Planned faults: which kind, how often, and at which endpoint."""

import random
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

HTTP_FAULTS: dict[str, tuple[int, str]] = {
    "bad_request": (400, "Your request contains invalid JSON syntax."),
    "unauthorized": (401, "Unauthorized"),
    "payment_required": (402, "Payment Required"),
    "forbidden": (403, "Permission denied"),
    "no_model": (404, "No such model"),
    "request_timeout": (408, "Request timeout"),
    "too_large": (413, "Payload too large"),
    "invalid_params": (422, "Invalid params: repetition_penalty must be in range (0, +inf)"),
    "rate_limited": (429, "Too many requests"),
    "server_error": (500, "Internal Server Error"),
    "gateway_timeout": (504, "Gateway Timeout"),
}
BREAKING = (
    "bad_gateway",
    "redirect",
    "timeout",
    "cut",
    "not_an_object",
    "no_content",
    "expired_token",
    "deleted_file",
)
ANSWERS = (
    "answer", "blacklist", "length", "error", "not_json", "fenced", "cannot_see", "empty",
    "no_choices", "obedient",
)  # fmt: skip
KINDS = (*HTTP_FAULTS, *BREAKING, *ANSWERS, "mixed")
MIXED = (
    "rate_limited", "server_error", "bad_gateway", "cut", "expired_token", "deleted_file",
    "blacklist", "length", "not_json", "fenced", "cannot_see",
)  # fmt: skip
"""The kinds of a mixed share by default; a time-out has to be named explicitly."""


@dataclass
class Fault:
    """
    `kind` of KINDS at `endpoint` (chat, upload, delete, oauth, models, any).

    `count`: so many times, None for always. `probability`: of each call. `retry_after`: seconds
    or a date for 429 and 5xx. `seconds`: of a time-out. `content`, `usage`, `finish_reason`: of
    the kind `answer`. `kinds`: of the kind `mixed`.
    """

    kind: str
    endpoint: str = "chat"
    count: int | None = None
    probability: float = 1.0
    retry_after: str | None = None
    seconds: float = 30.0
    content: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    finish_reason: str = "stop"
    kinds: list[str] = field(default_factory=lambda: list(MIXED))
    fired: int = 0

    def __post_init__(self) -> None:
        unknown = {self.kind, *self.kinds} - set(KINDS)
        if unknown:
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}")


class Faults:
    """The plan. Its random numbers are seeded, so that the same calls get the same faults."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chance = random.Random(0)
        self._plan: list[Fault] = []

    def plan(self, faults: list[dict[str, Any]], *, seed: int = 0) -> None:
        planned = [Fault(**fault) for fault in faults]
        with self._lock:
            self._plan, self._chance = planned, random.Random(seed)

    def take(self, endpoint: str) -> Fault | None:
        """Return the fault for this call, if any."""
        with self._lock:
            for fault in self._plan:
                if fault.endpoint not in {endpoint, "any"} or fault.count == fault.fired:
                    continue
                if self._chance.random() >= fault.probability:
                    continue
                fault.fired += 1
                if fault.kind != "mixed":
                    return fault
                kind = self._chance.choice(fault.kinds)
                return Fault(kind, retry_after=fault.retry_after, seconds=fault.seconds)
        return None

    def as_list(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._plan]
