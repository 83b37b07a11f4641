"""Lost objects: what posts, enrichments and albums do, and how an import restores a file."""

import hashlib
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth import get_user_model

from accounts.tenants import default_tenant
from media.models import MediaObject, MediaRole, Post
from media.services import imports
from media.sources.export.source import ExportSource
from storage_quota import keys
from storage_quota.hooks import Loss, notify, notify_return
from storage_quota.models import StoredObject
from storage_quota.object_store import get_store
from telegram_assistant.management.commands.demo import SAMPLE
from tests import factories as make
from tests.integrity_fixtures import document, ledger_matches_the_bucket, smuggle

pytestmark = pytest.mark.django_db


@pytest.fixture
def shown():
    """A stored picture, and a post that uses it."""
    of = make.channel()
    picture = make.media_object(owner=of.tenant, body=make.picture(), stored=True)
    other = make.media_object(owner=of.tenant, stored=True)
    make.post(of=of, media=[other], source_fingerprint="read")
    return picture, make.post(of=of, media=[picture], source_fingerprint="read")


LOST = {"missing": "missing", "damaged": "unreadable"}


def states(media):
    return dict(Post.objects.filter(media=media).values_list("pk", "media_state"))


def pks(media):
    return set(Post.objects.filter(media=media).values_list("pk", flat=True))


@pytest.fixture
def import_export():
    def run():
        source = ExportSource(SAMPLE, zone=ZoneInfo("UTC"))
        return imports.import_export(source=source, path=SAMPLE, tenant=default_tenant())

    return run


def test_a_lost_file_is_read_again_by_the_next_import_and_nothing_is_deleted(shown, checked):
    picture, post = shown
    get_store().delete(picture.s3_key)

    assert checked(repair=True).repairs.outcomes == {"forgotten": 1}

    prints = dict(Post.objects.values_list("pk", "source_fingerprint"))
    assert prints.pop(post.pk) == ""
    assert list(prints.values()) == ["read"]
    assert MediaObject.objects.filter(pk=picture.pk).exists()
    assert post.post_media.count() == 1


def test_the_files_of_another_tenant_are_another_tenants(shown):
    picture, _ = shown
    body = make.picture()
    strangers = make.channel()
    same = make.media_object(owner=strangers.tenant, body=body, stored=True)
    theirs = make.post(of=strangers, media=[same], source_fingerprint="read")

    notify(Loss("media", [picture.s3_key]))

    theirs.refresh_from_db()
    assert theirs.source_fingerprint == "read"


def test_a_lost_result_is_no_longer_named_by_its_enrichment(shown, checked):
    picture, post = shown
    lost, kept = (document(picture.tenant, name) for name in "ab")
    row = make.enrichment(post, s3_vision_keys=[lost, kept], s3_media_keys=[picture.s3_key])
    get_store().delete(lost)
    get_store().delete(picture.s3_key)

    assert checked(repair=True).repairs.outcomes == {"forgotten": 2}

    row.refresh_from_db()
    assert (row.s3_vision_keys, row.s3_media_keys) == ([kept], [picture.s3_key])


def test_a_lost_summary_is_no_longer_named_by_its_album(shown, checked):
    picture, post = shown
    album = make.album(of=post.channel, pictures=[picture])
    lost = keys.album(tenant_id=album.tenant_id, album_id=album.pk)
    document(album.tenant, key=lost)
    album.meta = {"enrichment": {"s3_key": lost, "labels": ["cat"]}}
    album.save()
    get_store().delete(lost)

    assert checked(repair=True).repairs.outcomes == {"forgotten": 1}

    album.refresh_from_db()
    assert album.meta["enrichment"] == {"s3_key": None, "labels": ["cat"]}


def test_rooms_hear_only_of_their_own_type(shown):
    picture, post = shown

    notify(Loss("crawl", [picture.s3_key]))

    post.refresh_from_db()
    assert post.source_fingerprint == "read"


@pytest.mark.costly
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_an_import_of_the_same_export_puts_a_lost_file_again(how, checked, import_export):
    import_export()
    media = MediaObject.objects.filter(mime="image/jpeg").first()
    if how == "missing":
        get_store().delete(media.s3_key)
    else:
        smuggle(media.s3_key, b"not the picture")
    other = make.post(of=make.channel(owner=media.tenant), media=[media])
    posts = Post.objects.count()

    assert checked(repair=True).clean
    assert states(media) == {other.pk: LOST[how], **dict.fromkeys(pks(media), LOST[how])}
    summary = import_export()

    assert summary.counts["media_stored"] == 1
    assert set(states(media).values()) == {"stored"}, "of another channel, too"
    with get_store().open(media.s3_key) as file:
        assert hashlib.sha256(file.read()).hexdigest() == media.file_sha256
    assert not StoredObject.objects.filter(damaged_at__isnull=False).exists()
    assert Post.objects.count() == posts
    assert ledger_matches_the_bucket()
    assert checked(percent=100).clean
    assert import_export().counts["media_stored"] == 0


def test_a_post_says_that_its_file_is_lost_wherever_it_is_asked_for(shown, client):
    picture, post = shown
    client.force_login(get_user_model().objects.create_superuser("root"))
    notify(Loss("media", [picture.s3_key]))

    told = client.get(f"/api/v1/posts/{post.pk}").json()
    [hit] = client.get("/api/v1/search", {"q": post.telegram_post_url}).json()["hits"]
    page = client.get("/admin/media/post/", {"media_state__exact": "missing"}).content.decode()

    assert (told["media_state"], told["problems"][0]["code"]) == ("missing", "missing")
    assert hit["media_state"] == "missing"
    assert post.content in page
    assert "файла нет" in page


def test_of_several_files_all_have_to_be_back(shown):
    picture, post = shown
    other = make.media_object(owner=picture.tenant, stored=True)
    make.show(post, other, role=MediaRole.ATTACHMENT)
    StoredObject.objects.all().delete()
    notify(Loss("media", [picture.s3_key, other.s3_key]))

    notify_return("media", [other.s3_key])
    after_one = states(picture)
    notify_return("media", [picture.s3_key, other.s3_key])

    assert after_one == {post.pk: "missing"}
    assert states(picture) == {post.pk: "stored"}


def test_a_post_whose_thumbnail_is_lost_still_has_its_file(shown):
    _, post = shown
    small = make.media_object(owner=post.tenant, stored=True)
    make.show(post, small, role=MediaRole.THUMBNAIL)

    notify(Loss("media", [small.s3_key]))

    post.refresh_from_db()
    assert (post.media_state, post.source_fingerprint) == ("stored", "")
