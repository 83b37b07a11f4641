"""The events of the audit: declared in one place, used, and explained."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts.audit import EVENTS, EventUnknown
from accounts.audit.events import find

ROOT = Path(__file__).resolve().parents[2]
ROOMS = [
    "accounts", "albums", "crawl", "events", "graph", "media", "search", "storage_quota",
    "telegram_assistant", "vision",
]  # fmt: skip
SPANS = {"started", "ended"}
AWAITED = {
    code
    for code in EVENTS
    if code.partition(".")[0]
    in {"account", "password", "recovery_code", "recovery_codes", "second_factor", "session",
        "sign_in", "sign_out"}
}  # fmt: skip
"""Recorded by signing in."""


def _calls() -> Iterator[ast.Call]:
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield node


def _codes(call: ast.Call) -> Iterator[str]:
    """The codes that a call records: `record(code)`, `recorded(name)`, `acted.send(event=code)`."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    first = call.args[0] if call.args else None
    code = first.value if isinstance(first, ast.Constant) else None
    if name == "record" and isinstance(code, str):
        yield code
    if name == "recorded" and isinstance(code, str):
        yield from (f"{code}.{end}" for end in SPANS)
    if name == "send":
        yield from (
            word.value.value
            for word in call.keywords
            if word.arg == "event" and isinstance(word.value, ast.Constant)
        )


def test_every_code_that_is_recorded_is_declared() -> None:
    recorded = {code for call in _calls() for code in _codes(call)}

    assert len(recorded) >= 20
    assert recorded <= set(EVENTS), recorded - set(EVENTS)


def test_every_event_that_is_declared_can_happen() -> None:
    """Also where the code is no argument of `record` itself: it is written down somewhere else."""
    texts = "".join(
        path.read_text(encoding="utf-8")
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if path.name != "events.py" or path.parent.name != "audit"
    )
    recorded = {code for call in _calls() for code in _codes(call)}
    unused = {code for code in EVENTS if code not in recorded and f'"{code}"' not in texts}

    assert unused <= AWAITED, unused - AWAITED


@pytest.mark.parametrize("page", ["docs/accounts.md", "docs/ru/accounts.md"])
def test_the_table_of_the_page_has_every_event_and_no_other(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_]+(?:\.[a-z_]+)?)` \| \S", text, re.MULTILINE)

    assert rows == list(EVENTS)


@pytest.mark.parametrize("page", ["docs/accounts.md", "docs/ru/accounts.md"])
def test_every_refusal_is_named_as_one(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    [named] = re.findall(r"\(((?:`[a-z_.]+`,?\s+){2,}`[a-z_.]+`)\)", text)

    refusals = {code for code, event in EVENTS.items() if event.refusal}
    assert set(re.findall(r"`([a-z_.]+)`", named)) == refusals


def test_codes_are_short_and_no_two_say_the_same() -> None:
    words = [str(event.words) for event in EVENTS.values()]

    assert len(set(words)) == len(words)
    assert all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", code) and len(code) <= 64 for code in EVENTS)


def test_any_other_code_is_refused() -> None:
    with pytest.raises(EventUnknown):
        find("nonsense")
