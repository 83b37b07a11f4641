"""Stored bytes in the console: small pictures, downloads, and what a hostile file may not do."""

import io

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from PIL import Image

from media import thumbnails
from media.models import MediaObject, MediaRole
from storage_quota.object_store import use
from storage_quota.object_store.memory import MemoryStore
from tests import factories as make

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]


@pytest.fixture(autouse=True)
def store():
    with use(MemoryStore()) as memory:
        yield memory


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(make.superuser())
    return client


def _get(client: Client, media: MediaObject, name: str = "thumbnail", **headers):
    return client.get(reverse(f"admin:media_mediaobject_{name}", args=[media.pk]), headers=headers)


def _body(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_thumbnail_is_a_small_jpeg_of_the_stored_picture(viewer, image_format):
    body = make.picture("red", size=(800, 400), image_format=image_format)
    media = make.media_object(body=body, mime=f"image/{image_format.lower()}", stored=True)

    answer = _get(viewer, media)

    picture = Image.open(io.BytesIO(answer.content))
    assert answer["Content-Type"] == "image/jpeg"
    assert (picture.format, picture.size) == ("JPEG", (160, 80))
    assert picture.getpixel((80, 40))[0] > 200
    assert "private" in answer["Cache-Control"]
    assert answer["ETag"] == f'"{media.file_sha256}"'


@pytest.mark.parametrize("name", ["thumbnail", "content"])
def test_what_the_browser_has_is_not_read_from_the_store_again(viewer, store, name):
    media = make.media_object(body=make.picture(), stored=True)
    store.down = True

    answer = _get(viewer, media, name, if_none_match=f'"{media.file_sha256}"')

    assert answer.status_code == 304
    assert answer["ETag"] == f'"{media.file_sha256}"'


@pytest.mark.parametrize("name", ["thumbnail", "content"])
def test_an_absent_object_is_404_with_a_placeholder(viewer, name):
    media = make.media_object()

    answer = _get(viewer, media, name)

    assert answer.status_code == 404
    assert answer["Content-Type"] == "image/svg+xml"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("name", ["thumbnail", "content"])
def test_an_unknown_object_is_404_too(viewer, name):
    answer = _get(viewer, MediaObject(pk="00000000-0000-0000-0000-000000000000"), name)

    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["thumbnail", "content"])
def test_a_store_that_is_away_is_not_an_absent_object(viewer, store, name):
    media = make.media_object(body=make.picture(), stored=True)
    store.down = True

    answer = _get(viewer, media, name)

    assert answer.status_code == 503
    assert answer["Retry-After"]


@pytest.mark.parametrize("mime", ["video/mp4", "audio/ogg", "application/pdf", "text/plain"])
def test_what_is_no_picture_gets_an_icon(viewer, mime):
    media = make.media_object(mime=mime, stored=True)

    answer = _get(viewer, media)

    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer.content.startswith(b"<svg")


def test_a_video_shows_the_still_that_came_with_it(viewer):
    video = make.media_object(mime="video/mp4", stored=True)
    still = make.media_object(owner=video.tenant, body=make.picture("lime"), stored=True)
    post = make.post(of=make.channel(owner=video.tenant), media=[video])
    make.show(post, still, role=MediaRole.THUMBNAIL)

    answer = _get(viewer, video)

    assert answer["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (160, 120)


@pytest.mark.parametrize("body", [b"not a picture", make.picture()[:100]])
def test_a_picture_that_cannot_be_decoded_gets_an_icon(viewer, body):
    media = make.media_object(body=body, stored=True)

    assert _get(viewer, media)["Content-Type"] == "image/svg+xml"


def test_a_picture_with_too_many_pixels_is_never_decoded(viewer, monkeypatch):
    monkeypatch.setattr(thumbnails, "MAX_PIXELS", 320 * 240 - 1)
    media = make.media_object(body=make.picture(), stored=True)

    assert _get(viewer, media)["Content-Type"] == "image/svg+xml"


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_browsers_know_is_shown(viewer, image_format):
    body, mime = make.picture(image_format=image_format), f"image/{image_format.lower()}"
    media = make.media_object(body=body, mime=mime, stored=True)

    answer = _get(viewer, media, "content")

    assert answer["Content-Type"] == mime
    assert answer["Content-Disposition"].startswith("inline")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert _body(answer) == body


@pytest.mark.parametrize(
    "mime", ["text/html", "image/svg+xml", "application/pdf", "video/mp4", "application/xhtml+xml"]
)
def test_whatever_else_is_stored_is_a_download(viewer, mime):
    media = make.media_object(body=b"<script>alert(1)</script>", mime=mime, stored=True)

    answer = _get(viewer, media, "content")

    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert _body(answer) == b"<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("report.pdf", 'filename="report.pdf"'),
        ('../../etc/"passwd"\r\nSet-Cookie: a=b', 'filename="etcpasswdSet-Cookie_ab"'),
        ("invoice\u202efdp.exe", 'filename="invoicefdp.exe"'),
        ("Отчёт.pdf", "filename*=utf-8''%D0%9E%D1%82%D1%87%D1%91%D1%82.pdf"),
        ("...", ".pdf"),
        ("", ".pdf"),
    ],
)
def test_the_name_of_a_download_is_harmless(viewer, given, shown):
    media = make.media_object(mime="application/pdf", stored=True)
    make.post(of=make.channel(owner=media.tenant), media=[media], media_name=given)

    answer = _get(viewer, media, "content")

    assert shown in answer["Content-Disposition"]
    assert "\n" not in answer["Content-Disposition"]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("name", ["thumbnail", "content"])
def test_members_of_another_tenant_see_nothing(client, name):
    media = make.media_object(body=make.picture(), stored=True)
    client.force_login(make.member("administrator", make.tenant()))

    assert _get(client, media, name).status_code == 404
    answer = _get(client, media, name, if_none_match=f'"{media.file_sha256}"')
    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["thumbnail", "content"])
def test_strangers_are_sent_to_the_login(client, name):
    media = make.media_object(body=make.picture(), stored=True)
    assert _get(client, media, name).status_code == 302

    client.force_login(get_user_model().objects.create_user("mallory"))
    assert _get(client, media, name).status_code == 302


def test_a_thumbnail_carries_no_metadata_along():
    body = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    Image.new("RGB", (10, 10)).save(body, "JPEG", exif=exif)

    small = thumbnails.shrink(body.getvalue())

    assert b"secret" not in small


def test_reading_is_all_one_can_do(viewer):
    media = make.media_object(body=make.picture(), stored=True)

    address = reverse("admin:media_mediaobject_content", args=[media.pk])

    assert viewer.post(address).status_code == 405
