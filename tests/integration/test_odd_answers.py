"""Answers of the provider that no table can hold: what was paid for is kept, and not paid again."""

import pytest

from tests.gigachat_stub import chat
from tests.integration.paid import budget_totals, drain
from tests.integration.test_gigachat import png
from vision.models import PaidAnalysis

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ocr")]

ODD = "a\0b" + "c" * 1000


def test_a_model_that_names_itself_oddly(archive, gigachat, monkeypatch):
    monkeypatch.setattr(chat, "VERSION", ODD)
    archive.post(png())

    drain(rounds=3)

    row = PaidAnalysis.objects.get()
    assert (row.state, gigachat.stats()["calls"]["chat"]) == ("done", 1)
    assert row.analysis["model_version"].startswith("GigaChat-Pro:abc")
    assert budget_totals() == (row.total_tokens, 0)


def test_an_answer_that_ends_oddly(archive, gigachat):
    gigachat.fail("answer", content="nothing", finish_reason=ODD)
    archive.post(png())

    drain(rounds=3)

    row = PaidAnalysis.objects.get()
    assert (row.state, gigachat.stats()["calls"]["chat"]) == ("failed", 1)
    assert budget_totals() == (row.total_tokens, 0)
