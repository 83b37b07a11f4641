"""The embedded PostgreSQL's share of the memory."""

import pytest

from telegram_assistant.embedded_postgres import memory

GIB = 1024**3


@pytest.mark.parametrize(
    ("total", "mebibytes"),
    [
        (GIB // 4, 128),
        (GIB, 128),
        (2 * GIB, 256),
        (24 * GIB, 3072),
        (32 * GIB, 4096),
        (512 * GIB, 4096),
    ],
)
def test_it_is_an_eighth_within_bounds(total, mebibytes):
    assert memory.share(total) == mebibytes


@pytest.mark.parametrize("name", ["memory.max", "memory.limit_in_bytes"])
def test_a_container_has_what_it_may_use(tmp_path, monkeypatch, name):
    limit = tmp_path / name
    limit.write_text(f"{GIB // 2}\n")
    monkeypatch.setattr(memory, "_LIMITS", (str(tmp_path / "not there"), str(limit)))

    assert memory.available() == GIB // 2


@pytest.mark.parametrize("text", ["max\n", f"{2**63 - 4096}\n"])
def test_a_container_without_a_limit_has_what_the_machine_has(tmp_path, monkeypatch, text):
    monkeypatch.setattr(memory, "_LIMITS", ())
    whole = memory.available()
    limit = tmp_path / "memory.max"
    limit.write_text(text)
    monkeypatch.setattr(memory, "_LIMITS", (str(limit),))

    assert memory.available() == whole >= GIB
