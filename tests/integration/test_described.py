"""Who only reads text describes a picture in set phrases; nobody searches for them or is tagged by them."""

import pytest
from PIL import Image

from events import subscriptions
from events.delivery import worker
from media.models import Post
from media.selectors import find_posts
from search.sources import read
from tests import factories as make
from tests.unit.pictures import encoded, page
from vision import providers
from vision.analysis.merge import merge
from vision.models import PostEnrichment, PostTag
from vision.providers.fake import FakePaid, FakeVision
from vision.providers.ocr.tesseract import TesseractOcr
from vision.tagging import material

pytestmark = pytest.mark.django_db(transaction=True)
SET_PHRASES = ("изображение", "текст", "без читаемого текста", "текст на изображении", "прочитан")


def drain() -> None:
    for queue in subscriptions.queues() * 2:  # what vision tells is for queues before it, too
        worker.drain(queue)


def with_text() -> bytes:
    return encoded(page(("ПРИСТАНЬ ЗАКРЫТА", "СТАНЦИЯ МЕТРО, СТАНЦИЯ РЯДОМ")))


def without_text() -> bytes:
    return encoded(Image.radial_gradient("L").resize((640, 480)).convert("RGB"))


@pytest.fixture
def posts(archive, monkeypatch) -> list[Post]:
    tesseract = TesseractOcr()
    monkeypatch.setattr(providers, "get_ocr", lambda: tesseract)
    made = [
        archive.post(without_text(), mime="image/png"),
        archive.post(with_text(), mime="image/png"),
    ]
    drain()
    return made


@pytest.mark.costly
def test_a_search_for_its_phrases_finds_nothing(posts) -> None:
    rows = {row.post_id: row for row in PostEnrichment.objects.filter(kind="vision")}
    assert [rows[post.pk].vision_provider for post in posts] == ["ocr_fallback"] * 2
    assert all(len(rows[post.pk].vision_description) >= 5 for post in posts)  # CONTRACT §2.1

    assert {term for term in SET_PHRASES if find_posts(Post.objects.all(), term)} == set()
    assert list(find_posts(Post.objects.all(), "пристань")) == [posts[1]]
    documents = {one.post.pk: one.document for one in read([post.pk for post in posts])}
    assert documents[posts[0].pk].pictures == documents[posts[0].pk].passage == ""
    assert "пристань" in documents[posts[1].pk].passage.lower()
    assert "изображени" not in documents[posts[1].pk].passage.lower()


@pytest.mark.costly
def test_no_tag_is_made_of_them_and_no_tagger_is_asked_about_them(posts) -> None:
    names = set(PostTag.objects.values_list("tag__name", flat=True))
    assert names.isdisjoint({"изображение", "текст", "читаемый"})
    assert "станция" in names
    known = material.read([post.pk for post in posts])
    assert [known[post.pk].material.description for post in posts] == ["", ""]


def test_what_a_model_said_of_one_picture_stands_alone() -> None:
    text, seen = with_text(), without_text()
    said = FakePaid(), FakeVision()
    by_model, by_text = (
        one.analyze(body, mime="image/png", prompt="", now=make.NOW)
        for one, body in zip(said, (seen, text), strict=True)
    )

    for order in ([by_model, by_text], [by_text, by_model]):
        both = merge(order)
        assert (both.provider, both.description) == ("gigachat", by_model.description)
        assert both.described == by_model.description
    alone = merge([by_text])
    assert (alone.description, alone.described) == (by_text.description, "")
