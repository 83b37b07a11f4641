"""Newcomers and the pictures they are copies of, with real bytes in a real store."""

import hashlib

import pytest
from PIL import Image, ImageDraw, ImageFont

from media.models import MediaObject
from storage_quota.object_store import get_store
from telegram_assistant.config import Vision
from tests import factories as make
from tests.unit.test_phash import encoded, scene
from vision.duplicates import detection, hash_index
from vision.models.duplicates import PictureHash

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant():
    return make.tenant()


@pytest.fixture
def store(tenant):
    def _(body: bytes, owner=None) -> MediaObject:
        return make.media_object(owner=owner or tenant, body=body, stored=True)

    return _


@pytest.fixture
def find(tenant):
    def _(body: bytes, owner=None):
        sha256 = hashlib.sha256(body).hexdigest()
        found = detection.find_duplicates(tenant=owner or tenant, sha256=sha256, image=body).same
        return [twin.sha256 for twin in found]

    return _


@pytest.fixture
def original(store, find):
    media = store(encoded(scene(), "PNG"))
    with get_store().open(media.s3_key) as file:
        assert find(file.read()) == []
    return media


def test_a_copy_finds_its_original(find, original):
    assert find(encoded(scene(), quality=40)) == [original.file_sha256]
    assert find(encoded(scene().resize((400, 300)), quality=80)) == [original.file_sha256]


def test_another_caption_on_the_same_picture_is_another_picture(find, original):
    captioned = scene()
    font = ImageFont.load_default(24)
    ImageDraw.Draw(captioned).text((20, 20), "8", fill="white", font=font)

    assert find(encoded(captioned, quality=80)) == []
    assert PictureHash.objects.count() == 2


def test_the_same_shapes_in_another_color_are_another_picture(find, original):
    red, green, blue = scene().split()
    repainted = Image.merge("RGB", (blue, green, red))

    assert find(encoded(repainted, quality=90)) == []


def test_another_tenant_finds_nothing(find, original):
    assert find(encoded(scene(), quality=40), owner=make.tenant()) == []


def test_a_picture_whose_bytes_are_gone_is_no_source(find, original):
    MediaObject.objects.all().delete()

    assert find(encoded(scene(), quality=40)) == []


def test_what_is_much_larger_than_the_known_picture_is_analyzed(store, find):
    small = encoded(scene().resize((160, 120)), "PNG")
    store(small)
    find(small)

    assert find(encoded(scene(), "PNG")) == []


def test_plain_pictures_and_what_is_none_are_not_remembered(find, settings):
    plain = encoded(scene().point(lambda _: 200), "PNG")

    assert find(plain) == find(b"not a picture") == []
    assert not PictureHash.objects.exists()


def test_nothing_is_hashed_where_that_is_switched_off(find, settings):
    settings.VISION = Vision(vision_phash_enabled=False)

    assert find(encoded(scene(), "PNG")) == []
    assert not PictureHash.objects.exists()


def test_as_many_pictures_are_analyzed_as_there_are_different_ones(tenant, store, find):
    copies = [
        lambda p: encoded(p, "PNG"),
        lambda p: encoded(p, quality=80),
        lambda p: encoded(p, quality=35),
        lambda p: encoded(p.resize((480, 360)), quality=75),
        lambda p: encoded(p, "WEBP", quality=70),
    ]
    looked_at = 0

    for copy in copies:
        for number in range(8):
            body = copy(scene(number))
            media = store(body)
            found = detection.find_duplicates(
                tenant=tenant, sha256=media.file_sha256, image=body
            ).same
            looked_at += not found
            if found:
                assert hash_index.reuse(tenant=tenant, sha256=media.file_sha256, source=found[0])

    assert looked_at == 8
