"""Providers of vision that answer in the process: no Tesseract, no network."""

import pytest

from vision import providers
from vision.providers.fake import FakePaid, FakeVision


@pytest.fixture
def ocr(monkeypatch):
    fake = FakeVision()
    monkeypatch.setattr(providers, "get_ocr", lambda: fake)
    return fake


@pytest.fixture
def paid(monkeypatch):
    fake = FakePaid()
    monkeypatch.setattr(providers, "get_gigachat", lambda: fake)
    return fake
