"""One analysis for a picture and its copies, whenever they come and whatever people say of them."""

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from PIL import Image, ImageDraw

from accounts.models import Tenant
from events.errors import RetryLater
from tests.concurrency import together
from tests.factories import Archive
from tests.integration.paid import analyzes, budget_totals, digest, drain, event_of, with_settings
from tests.unit.test_phash import encoded, scene
from vision import providers, tasks
from vision.analysis import pay_once
from vision.duplicates import distinctions
from vision.models import PaidAnalysis, PictureHash, PostEnrichment
from vision.providers.fake import FakePaid, FakeVision
from vision.services import analyze

pytestmark = pytest.mark.django_db(transaction=True)

# Each is a copy of each other one: which comes first does not matter.
ORIGINAL = encoded(scene(), quality=90)
COPIES = [encoded(scene(), quality=quality) for quality in (70, 85, 93, 96)]


@pytest.fixture(autouse=True)
def paid(monkeypatch):
    ocr, fake = FakeVision(), FakePaid()
    monkeypatch.setattr(providers, "get_ocr", lambda: ocr)
    monkeypatch.setattr(providers, "get_gigachat", lambda: fake)
    return fake


@pytest.fixture(autouse=True)
def slots(settings):
    settings.GIGACHAT = with_settings(settings.GIGACHAT, max_concurrent_requests=20)


def row_of(post) -> PostEnrichment:
    return PostEnrichment.objects.get(post=post)


def test_a_copy_reuses_what_was_found_and_pays_nothing(archive, paid):
    first = archive.post(ORIGINAL)
    drain()
    second = archive.post(COPIES[0])

    drain()

    row, (decision,) = row_of(second), row_of(second).metadata["decisions"]
    assert len(paid.calls) == 1
    assert (row.vision_analysis_reason, row.vision_tokens_used) == ("cache_hit", 0)
    assert row.vision_description == row_of(first).vision_description
    assert (decision["same_as"], decision["distance"]) == (digest(ORIGINAL), decision["distance"])
    assert row.s3_vision_keys == row_of(first).s3_vision_keys


def test_copies_that_come_at_once_make_one_call(archive, paid):
    paid.seconds = 0.5
    posts = [archive.post(body) for body in (ORIGINAL, *COPIES)]

    raised = together(*map(analyzes, posts))
    drain(rounds=3)

    assert all(isinstance(error, RetryLater) for error in raised)
    assert len(paid.calls) == 1
    assert budget_totals() == (1320, 0)
    assert {row_of(post).vision_provider for post in posts} == {"gigachat"}


def test_a_copy_whose_source_is_finished_after_it_was_searched_for_pays_nothing(
    archive, paid, monkeypatch
):
    archive.post(ORIGINAL)
    drain()
    second = archive.post(COPIES[0])
    monkeypatch.setattr(pay_once, "reuse_duplicate", lambda *_, **__: None)  # a moment too early

    drain()

    assert len(paid.calls) == 1
    assert row_of(second).vision_analysis_reason == "cache_hit"


def test_a_result_that_was_reused_says_whose_it_is_for_every_later_post(archive, paid):
    for body in (ORIGINAL, COPIES[0]):
        archive.post(body)
        drain()
    third = archive.post(COPIES[0])

    drain()

    (decision,) = row_of(third).metadata["decisions"]
    pair = PictureHash.objects.get(sha256=digest(COPIES[0]))
    assert (decision["same_as"], decision["distance"]) == (pair.same_as, pair.distance)
    assert (pair.same_as, len(paid.calls)) == (digest(ORIGINAL), 1)


def test_different_pictures_at_once_are_all_analyzed(archive, paid):
    posts = [archive.post(encoded(scene(seed))) for seed in range(6)]

    together(*map(analyzes, posts))
    drain(rounds=3)

    assert len(paid.calls) == 6


@pytest.mark.costly
def test_nearly_the_same_at_once_but_not_quite_are_analyzed_each(archive, paid):
    other = scene()
    ImageDraw.Draw(other).rectangle((300, 200, 380, 260), fill="black")
    paid.seconds = 0.3
    posts = [archive.post(body) for body in (ORIGINAL, encoded(other, quality=90))]

    together(*map(analyzes, posts))
    drain(rounds=3)

    assert len(paid.calls) == 2


def test_tenants_share_nothing(archive, paid):
    other = Archive(tenant=Tenant.objects.create(name="other"))
    archive.post(ORIGINAL)
    drain()
    other.post(COPIES[0])

    drain()

    assert len(paid.calls) == 2


def test_a_plain_picture_is_nobodys_copy(archive, paid):
    for color in ("white", "#fffffe"):
        archive.post(encoded(Image.new("RGB", (64, 64), color), "PNG"))

    drain()

    assert len(paid.calls) == 2


def test_without_the_switch_copies_are_analyzed(archive, paid, settings):
    settings.VISION = with_settings(settings.VISION, vision_phash_enabled=False)
    for body in (ORIGINAL, COPIES[0]):
        archive.post(body)

    drain()

    assert len(paid.calls) == 2


@pytest.mark.costly
def test_what_people_mark_distinct_gets_an_analysis_of_its_own(archive, paid):
    archive.post(ORIGINAL)
    drain()
    second = archive.post(COPIES[0])
    drain()
    user = get_user_model().objects.create_user("ann")

    distinctions.mark_distinct(
        tenant=archive.tenant, first=digest(ORIGINAL), second=digest(COPIES[0]), user=user,
        now=timezone.now(),
    )  # fmt: skip
    tasks.retry_backlog()
    drain()

    row = row_of(second)
    assert len(paid.calls) == 2
    assert (row.vision_analysis_reason, row.vision_tokens_used) == ("new", 1320)
    assert row.metadata["decisions"][0]["same_as"] == ""
    analysis = PaidAnalysis.objects.get(sha256=digest(COPIES[0]))
    assert (analysis.state, analysis.is_reused) == ("done", False)
    analyze.analyze_post(event_of(second), now=timezone.now())
    assert len(paid.calls) == 2
