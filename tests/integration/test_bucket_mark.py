"""What is asked of the bucket before anything is stored, of servers that refuse or fail."""

import json
import logging
from collections.abc import Iterator
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from media.models import Post
from storage_quota import services
from storage_quota.integrity import marker
from storage_quota.integrity.errors import MarkerMissing
from storage_quota.object_store import use
from storage_quota.object_store.memory import MemoryStore
from storage_quota.object_store.port import ObjectInfo
from storage_quota.object_store.s3 import S3Store
from tests.s3_fixtures import s3_settings
from tests.unit.exports import chat, message, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


@pytest.fixture
def marked(proxy, s3):
    """A store that the installation has marked, behind the proxy that fails at will."""
    store = S3Store(s3_settings(proxy.url, bucket=s3._bucket))
    with use(store):
        marker.confirm(store, now=timezone.now())
        yield store


@pytest.fixture
def unmarked(marked):
    """Another bucket, which has no marker: what a slip in S3_BUCKET_NAME leads to."""
    for info in list(marked.list()):
        marked.delete(info.key)
    return marked


@pytest.mark.costly
def test_a_bucket_that_may_not_be_listed_is_ours_if_it_has_our_marker(marked, proxy, caplog):
    proxy.fail("list", "403")

    with caplog.at_level(logging.WARNING):
        marker.refuse_other_buckets()

    assert "not known whether the bucket is ours" not in caplog.text


def test_another_bucket_that_may_not_be_listed_is_refused(unmarked, proxy):
    proxy.fail("list", "403")

    with pytest.raises(MarkerMissing, match="it is another bucket"):
        marker.refuse_other_buckets()


@pytest.mark.parametrize(
    ("step", "how", "said"),
    [
        ("list", "500", "answered HTTP 500 InternalError"),
        ("list", "cut", "broke its listing off"),
        ("head", "403", "that they may read and list the bucket"),
    ],
)
def test_where_nothing_can_be_known_the_log_says_so_and_why(
    unmarked, proxy, caplog, step, how, said
):
    proxy.fail("list", "403" if step == "head" else how)
    proxy.fail(step, how)

    with caplog.at_level(logging.WARNING):
        marker.refuse_other_buckets()

    assert "it is not known whether the bucket is ours" in caplog.text
    assert said in caplog.text


def test_the_import_into_another_bucket_that_may_not_be_listed_says_what_is_wrong(
    unmarked, proxy, tmp_path
):
    folder = write(tmp_path, chat([message(1)]))
    proxy.fail("list", "403")

    with pytest.raises(CommandError, match="it is another bucket, or its disk is not mounted"):
        call_command("import_export", str(folder))

    assert not Post.objects.exists()


class Lagging(MemoryStore):
    """Lists what it had when `lag` was called, and answers for single objects as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[ObjectInfo] | None = None

    def lag(self) -> None:
        self.listed = list(super().list())

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        if self.listed is None:
            return super().list(prefix, after=after)
        return iter([i for i in self.listed if i.key.startswith(prefix) and i.key > after])


def test_a_listing_that_lags_behind_accuses_no_bucket_and_no_object(tenant, now):
    with use(Lagging()) as store:
        put = partial(services.put_object, tenant=tenant, content_type="media", mime="text/plain")
        gone = put(key=f"media/{tenant.pk}/gone", body=b"1", now=now)
        store.lag()
        marker.confirm(store, now=now)
        put(key=f"media/{tenant.pk}/new", body=b"2", now=now)
        services.remove([gone.key], now=now)

        marker.refuse_other_buckets()
        out = StringIO()
        call_command("verify_storage", "--repair", "--grace-hours=0", "--json", stdout=out)

        assert json.loads(out.getvalue())["state"] == "clean"
        assert [info.key for info in MemoryStore.list(store, "media/")] == [
            f"media/{tenant.pk}/new"
        ]
