"""A provider that takes requests and never answers: noticed, counted, and replaced by OCR."""

import io
import time

import pytest
from django.utils import timezone
from PIL import Image, ImageDraw, ImageFont

from events.models import Delivery, DeliveryState
from tests.integration.paid import drain, with_settings
from tests.unit.pictures import report
from vision.models import EnrichmentKind, PaidAnalysis, PostEnrichment, ProviderHealth
from vision.services import provider_call

pytestmark = pytest.mark.django_db(transaction=True)

SHORT = 0.3
HOUR = 3600


@pytest.fixture
def hanging(gigachat, settings):
    """A GigaChat that hangs in one of its endpoints, with limits of fractions of a second."""
    settings.GIGACHAT = with_settings(
        settings.GIGACHAT, vision_timeout=SHORT, circuit_breaker_failure_threshold=2
    )
    settings.VISION = with_settings(settings.VISION, vision_api_max_retries=5)

    def at(endpoint):
        gigachat.fail("timeout", endpoint=endpoint, seconds=HOUR)

    return at


def picture(text: str) -> bytes:
    sheet = Image.new("RGB", (500, 120), "white")
    ImageDraw.Draw(sheet).text((20, 30), text, fill="black", font=ImageFont.load_default(40))
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def looked(post) -> PostEnrichment:
    return PostEnrichment.objects.get(post=post, kind=EnrichmentKind.VISION)


@pytest.mark.costly
@pytest.mark.parametrize("endpoint", ["chat", "upload", "oauth"])
def test_a_hanging_provider_opens_the_breaker_and_the_picture_is_read(archive, hanging, endpoint):
    hanging(endpoint)
    post = archive.post(picture("Harbor closed"))
    started = time.monotonic()

    drain(queues=["vision", "vision_backfill"])
    first = Delivery.objects.get(subscriber__startswith="vision.analyze")
    assert first.state == DeliveryState.PENDING
    assert first.outcome.startswith("later: GigaChat is not reached: ReadTimeout")
    assert ProviderHealth.objects.get().failures == 1
    drain(rounds=3, queues=["vision", "vision_backfill"])

    assert ProviderHealth.objects.get().open_until > timezone.now()
    decision = looked(post).metadata["decisions"][0]
    assert (decision["outcome"], decision["reason"]) == ("read", "circuit_open")
    assert "Harbor closed" in looked(post).vision_ocr_text
    assert time.monotonic() - started < 30


def test_report_17_each_picture_of_the_report_is_read_by_ocr(archive, hanging, shared_data):
    expected, pictures = report(shared_data, "17-hanging-gigachat")
    hanging("chat")
    posts = [archive.post(one.read_bytes()) for one in pictures[:2]]

    drain(queues=["vision", "vision_backfill"])
    outcomes = {d.outcome for d in Delivery.objects.filter(subscriber__startswith="vision.analyze")}
    drain(rounds=4, queues=["vision", "vision_backfill"])

    words = expected["delivery_1"].split(", ")[0].removeprefix("postponed: ")
    assert any(words in outcome for outcome in outcomes)
    assert {looked(post).metadata["decisions"][0]["outcome"] for post in posts} == {"read"}
    assert expected["workers_killed"] == 0


def test_the_claim_of_a_call_outlives_the_call(settings, archive, hanging):
    """The lease of the row is longer than all waiting inside of it, so nobody takes it over."""
    hanging("chat")
    archive.post(picture("Harbor closed"))

    drain(queues=["vision", "vision_backfill"])

    assert provider_call.lease().total_seconds() > provider_call.CALLS * SHORT
    assert PaidAnalysis.objects.get().claim_id is None
