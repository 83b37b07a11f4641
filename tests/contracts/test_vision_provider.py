"""The contract of all providers: GigaChat (on the stub), OCR and the fake."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256

import pillow_heif
import pytest
from PIL import Image, ImageDraw, ImageFont

from vision.providers.fake import FakeVision
from vision.providers.ocr.tesseract import TesseractOcr
from vision.providers.port import (
    Analysis,
    ErrorClass,
    ProviderBusy,
    ProviderRefused,
    TokenUsage,
    VisionProvider,
)

PROMPT = "Что изображено? Ответь по-русски."
BROKEN = b"\xff\xd8\xff broken"


@dataclass
class Candidate:
    """A provider, and how it is brought to fail; `busy` is None for what is never away."""

    provider: VisionProvider
    busy: Callable[[], None] | None
    refuses: list[bytes] = field(default_factory=lambda: [b"", b"no picture", BROKEN])


def picture(text: str = "Привет, мир 2026") -> bytes:
    image = Image.new("RGB", (640, 200), "white")
    font = ImageFont.truetype("DejaVuSans.ttf", 48) if _has_font() else ImageFont.load_default(48)
    ImageDraw.Draw(image).text((20, 60), text, "black", font)
    return encoded(image, "PNG")


def encoded(image: Image.Image, name: str) -> bytes:
    file = io.BytesIO()
    if name == "HEIF":
        pillow_heif.from_pillow(image).save(file)
    else:
        image.save(file, name)
    return file.getvalue()


def _has_font() -> bool:
    try:
        ImageFont.truetype("DejaVuSans.ttf", 12)
    except OSError:
        return False
    return True


@pytest.fixture
def gigachat_candidate(make_provider, gigachat_stub) -> Candidate:
    return Candidate(make_provider(), busy=lambda: gigachat_stub.fail("server_error"))


@pytest.fixture
def ocr_candidate() -> Candidate:
    return Candidate(TesseractOcr(), busy=None)


@pytest.fixture
def fake_candidate() -> Candidate:
    fake = FakeVision()
    for image in (b"", b"no picture", BROKEN):
        fake.errors[sha256(image).hexdigest()] = ProviderRefused("broken_image", "as wished")

    def busy() -> None:
        away = ProviderBusy("as wished", error_class=ErrorClass.RETRYABLE_NETWORK)
        fake.errors[sha256(picture()).hexdigest()] = away

    return Candidate(fake, busy=busy)


@pytest.fixture(params=["gigachat", "ocr", "fake"])
def candidate(request) -> Candidate:
    return request.getfixturevalue(f"{request.param}_candidate")


@pytest.fixture
def analyze(candidate, now):
    def _(image: bytes, *, mime: str = "image/png", prompt: str = PROMPT) -> Analysis:
        return candidate.provider.analyze(image, mime=mime, prompt=prompt, now=now)

    return _


def test_it_has_a_name_and_a_model(candidate):
    assert candidate.provider.name in {"gigachat", "ocr_fallback"}
    assert candidate.provider.model


def test_an_analysis_has_its_provider_and_its_time(candidate, analyze, now):
    analysis = analyze(picture())

    assert (analysis.provider, analysis.model) == (
        candidate.provider.name,
        candidate.provider.model,
    )
    assert analysis.analyzed_at == now
    assert len(analysis.description) >= 5


def test_an_analysis_can_be_stored_and_read_back(analyze):
    analysis = analyze(picture())

    assert Analysis.model_validate(analysis.model_dump(mode="json")) == analysis


def test_tokens_are_those_of_the_usage_and_none_without_one(analyze):
    analysis = analyze(picture())

    assert analysis.tokens_used == (analysis.usage.total_tokens if analysis.usage else 0)


def test_the_same_picture_is_seen_the_same_way(analyze):
    passing = {"file_id"}

    first, second = (analyze(picture()).model_dump(exclude=passing) for _ in range(2))

    assert first == second


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_every_stored_format_is_analyzed(analyze, name):
    image = Image.open(io.BytesIO(picture()))

    assert analyze(encoded(image, name), mime=f"image/{name.lower()}").description


@pytest.mark.parametrize("mime", ["image/jpeg", "application/octet-stream", ""])
def test_a_type_that_is_not_true_does_not_matter(analyze, mime):
    assert analyze(picture(), mime=mime).description == analyze(picture()).description


@pytest.mark.parametrize("prompt", ["", "Я" * 5000, '{"classification": "meme"}', "\x00\n\r"])
def test_any_prompt_is_accepted(analyze, prompt):
    assert analyze(picture(), prompt=prompt).description


def test_a_definite_no_has_a_reason_and_a_class(candidate, analyze):
    for image in candidate.refuses:
        with pytest.raises(ProviderRefused) as refusal:
            analyze(image)

        assert refusal.value.reason
        assert refusal.value.error_class in set(ErrorClass)
        assert refusal.value.usage is None


def test_an_unreachable_provider_is_no_refusal_of_the_picture(candidate, analyze):
    if candidate.busy is None:
        assert candidate.provider.name == "ocr_fallback"  # it runs on this machine
        return
    candidate.busy()

    with pytest.raises(ProviderBusy) as failure:
        analyze(picture())

    assert failure.value.error_class.value.startswith("retryable_")


def test_threads_share_it_and_get_their_own_answers(analyze):
    pictures = [picture(f"Строка {i}{i}{i}") for i in range(3)]
    alone = [analyze(p).description for p in pictures]

    with ThreadPoolExecutor(3) as threads:
        together = [a.description for a in threads.map(analyze, pictures)]

    assert together == alone
    assert len(set(together)) == len(pictures)


class TestPort:
    """What is kept from before there were providers to pay."""

    def test_a_kept_document_without_usage_is_readable(self, now):
        kept = {
            "provider": "ocr_fallback", "model": "tesseract-5.5-rus+eng", "schema_version": "1.0",
            "classification": "document", "description": "Текст", "is_meme": False, "labels": [],
            "objects": [], "scene": None, "ocr": {"text": "Текст", "engine": "tesseract",
            "confidence": 0.9, "words": 1}, "nsfw_score": None, "aesthetic_score": None,
            "dominant_colors": [], "tokens_used": 0, "file_id": None, "analyzed_at": now.isoformat(),
        }  # fmt: skip

        analysis = Analysis.model_validate(kept)

        assert (analysis.usage, analysis.tokens_used) == (None, 0)

    def test_the_total_is_the_one_that_was_returned_never_a_sum(self, now):
        usage = TokenUsage(prompt_tokens=17, completion_tokens=3, total_tokens=99)

        analysis = Analysis(
            provider="gigachat", model="GigaChat-Pro", classification="photo", description="Кот",
            usage=usage, tokens_used=1, analyzed_at=now,
        )  # fmt: skip

        assert analysis.tokens_used == 99

    def test_tokens_less_than_none_are_refused(self):
        with pytest.raises(ValueError, match="greater than or equal to 0"):
            TokenUsage(prompt_tokens=-1, completion_tokens=0, total_tokens=0)
