"""Providers of vision that answer in the process: no Tesseract, no network."""

import pytest

from vision import providers
from vision.providers.fake import FakePaid, FakeVision
from vision.providers.gigachat import preprocess


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


class Preparing(FakePaid):
    """Prepares pictures as GigaChat's adapter does."""

    def prepare(self, image, *, decode=None, **_):
        return preprocess.prepare(image, preprocess.PreprocessOptions(), decode=decode)


@pytest.fixture
def preparing(monkeypatch):
    fake = Preparing()
    monkeypatch.setattr(providers, "get_gigachat", lambda: fake)
    return fake
