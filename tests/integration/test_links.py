"""Links to stored objects: to whose objects, for how long, of which type; and never logged."""

import logging
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Tenant
from media.models import MediaRole
from storage_quota import links, services
from storage_quota.models import StoredObject
from storage_quota.object_store import ObjectMissing, use
from storage_quota.object_store.memory import MemoryStore
from tests import factories as make
from tests.s3_fixtures import s3_settings

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]


@pytest.fixture
def linked(s3):
    """Use a store that has links."""
    with use(s3):
        yield s3


@pytest.fixture
def put(tenant, now):
    def make_one(mime="image/jpeg", name="a.jpg"):
        return services.put_object(
            tenant=tenant,
            content_type="media",
            key=f"media/{tenant.pk}/{name}",
            body=mime.encode(),
            mime=mime,
            now=now,
        )

    return make_one


def query_of(link):
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


def test_a_link_lives_as_long_as_configured_and_never_longer_than_300_seconds(
    linked, put, tenant, now, settings
):
    stored = put()

    assert query_of(links.presigned_url(tenant_id=tenant.pk, key=stored.key, now=now))[
        "X-Amz-Expires"
    ] == str(settings.S3.presigned_url_ttl)
    with pytest.raises(ValueError, match="presigned_url_ttl"):
        s3_settings("https://s3.example.org", presigned_url_ttl=301)


def test_where_links_are_switched_off_there_is_none(linked, put, tenant, now, settings):
    settings.S3 = settings.S3.model_copy(update={"presigned_url_ttl": 0})

    assert links.presigned_url(tenant_id=tenant.pk, key=put().key, now=now) is None


def test_a_store_without_links_gives_none_and_counts_no_reading(put, tenant, now):
    with use(MemoryStore()):
        stored = put()
        assert links.presigned_url(tenant_id=tenant.pk, key=stored.key, now=now) is None

    stored.refresh_from_db()
    assert stored.last_read_at is None


def test_what_is_another_tenants_is_as_absent_as_what_is_not_there(linked, put, tenant, now):
    stored = put()
    bob = Tenant.objects.create(name="Bob")
    absent = f"media/{bob.pk}/absent.jpg"

    for key in (stored.key, absent, "../../etc/passwd", ""):
        with pytest.raises(ObjectMissing) as refusal:
            links.presigned_url(tenant_id=bob.pk, key=key, now=now)
        assert str(refusal.value) == f"No object has the key {key}"


def test_what_lies_in_the_bucket_and_not_in_the_ledger_gets_no_link(linked, put, tenant, now):
    stored = put()
    StoredObject.objects.filter(key=stored.key).delete()

    with pytest.raises(ObjectMissing):
        links.presigned_url(tenant_id=tenant.pk, key=stored.key, now=now)


@pytest.mark.parametrize("mime", sorted(links.INLINE_TYPES))
def test_raster_pictures_are_shown_as_what_they_are(linked, put, tenant, now, mime):
    link = links.presigned_url(tenant_id=tenant.pk, key=put(mime).key, now=now)

    asked = query_of(link)
    assert asked["response-content-type"] == mime
    assert asked["response-content-disposition"] == 'inline; filename="a.jpg"'


@pytest.mark.parametrize(
    "mime",
    [
        "text/html",
        "image/svg+xml",
        "application/xhtml+xml",
        "application/pdf",
        "video/mp4",
        "image/jpeg; charset=x",
        "IMAGE/JPEG\r\nX: y",
        "",
    ],
)
def test_whatever_else_is_stored_is_a_download_of_no_type(linked, tenant, now, mime):
    key = f"media/{tenant.pk}/x"
    linked.put(
        services.reserve(tenant=tenant, content_type="media", key=key, size_bytes=1, now=now),
        b"x",
        mime="text/html",
    )
    StoredObject.objects.create(
        key=key,
        tenant=tenant,
        content_type="media",
        size_bytes=1,
        mime=mime,
        created_at=now,
        updated_at=now,
    )

    asked = query_of(links.presigned_url(tenant_id=tenant.pk, key=key, now=now, filename="a.svg"))

    assert asked["response-content-type"] == "application/octet-stream"
    assert asked["response-content-disposition"] == 'attachment; filename="a.svg"'


def test_a_link_is_in_no_log_however_chatty(linked, put, tenant, now, caplog):
    stored = put()

    with caplog.at_level(logging.DEBUG):
        link = links.presigned_url(tenant_id=tenant.pk, key=stored.key, now=now)
        linked.head(stored.key)

    assert query_of(link)["X-Amz-Signature"] not in caplog.text
    assert not re.search(r"Signature|StringToSign|Credential", caplog.text)


def test_reading_is_noted_once_a_day(linked, put, tenant, now):
    stored = put()

    def read(at):
        links.presigned_url(tenant_id=tenant.pk, key=stored.key, now=at)
        return StoredObject.objects.get(key=stored.key).last_read_at

    assert read(now) == now
    assert read(now + timedelta(hours=23)) == now
    assert read(now + timedelta(hours=24)) == now + timedelta(hours=24)


class TestConsole:
    @pytest.fixture
    def viewer(self, client: Client) -> Client:
        client.force_login(make.superuser())
        return client

    def get(self, client, media, name="content", **headers):
        address = reverse(f"admin:media_mediaobject_{name}", args=[media.pk])
        return client.get(address, headers=headers)

    def test_the_original_is_opened_by_a_link_where_the_store_has_them(self, linked, viewer):
        media = make.media_object(body=make.picture(), stored=True)

        answer = self.get(viewer, media)

        assert answer.status_code == 302
        assert urlsplit(answer["Location"]).path.endswith(media.s3_key)
        assert "no-store" in answer["Cache-Control"]
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "ETag" not in answer

    def test_its_name_is_the_one_a_post_gave_it(self, linked, viewer):
        media = make.media_object(mime="application/pdf", stored=True)
        make.post(of=make.channel(owner=media.tenant), media=[media], media_name="Отчёт.pdf")

        asked = query_of(self.get(viewer, media)["Location"])

        assert asked["response-content-disposition"] == (
            "attachment; filename*=utf-8''%D0%9E%D1%82%D1%87%D1%91%D1%82.pdf"
        )

    def test_a_question_about_headers_only_is_answered_by_the_application(self, linked, viewer):
        media = make.media_object(body=make.picture(), stored=True)

        answer = viewer.head(reverse("admin:media_mediaobject_content", args=[media.pk]))

        assert answer.status_code == 200
        assert answer["Content-Type"] == "image/png"

    def test_what_is_gone_is_404_with_a_placeholder(self, linked, viewer):
        answer = self.get(viewer, make.media_object())

        assert answer.status_code == 404
        assert answer["Content-Type"] == "image/svg+xml"

    def test_members_of_another_tenant_get_no_link(self, linked, client):
        media = make.media_object(body=make.picture(), stored=True)
        client.force_login(make.member("administrator", make.tenant()))

        answer = self.get(client, media)

        assert answer.status_code == 404
        assert "Location" not in answer

    @pytest.mark.parametrize("name", ["content", "thumbnail"])
    def test_looking_at_an_object_is_reading_it(self, viewer, name):
        media = make.media_object(body=make.picture(), stored=True)

        answer = self.get(viewer, media, name)

        assert answer.status_code == 200
        assert StoredObject.objects.get(key=media.s3_key).last_read_at is not None

    def test_so_is_looking_at_what_the_browser_kept(self, viewer):
        media = make.media_object(body=make.picture(), stored=True)

        self.get(viewer, media, "thumbnail", if_none_match=f'"{media.file_sha256}"')

        assert StoredObject.objects.get(key=media.s3_key).last_read_at is not None

    def test_the_still_of_a_video_is_read_with_it(self, viewer):
        video = make.media_object(mime="video/mp4", stored=True)
        still = make.media_object(owner=video.tenant, body=make.picture("lime"), stored=True)
        post = make.post(of=make.channel(owner=video.tenant), media=[video])
        make.show(post, still, role=MediaRole.THUMBNAIL)

        self.get(viewer, video, "thumbnail")

        assert StoredObject.objects.filter(last_read_at__isnull=False).count() == 2
