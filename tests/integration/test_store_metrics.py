"""Metrics of the store, by names and labels that dashboards rely on."""

import gzip
from contextlib import nullcontext
from functools import partial
from io import BytesIO

import pytest

from storage_quota import links, services
from storage_quota.models import Reservation
from storage_quota.object_store import ObjectMissing, StoreUnavailable, get_store, metrics, use
from storage_quota.object_store.memory import MemoryStore
from storage_quota.object_store.packing import PageNotPacked, json_bytes, pack
from tests.counted import counted


@pytest.fixture
def grown():
    """The increase of a sample since the test began."""
    before = {}

    def start(name, **labels):
        before[name, *sorted(labels.items())] = counted(name, **labels)

    def since(name, **labels):
        return counted(name, **labels) - before[name, *sorted(labels.items())]

    return start, since


@pytest.fixture
def operations(grown):
    start, since = grown
    name = "s3_operations_total"

    def labels(operation, result, kind):
        return {"operation": operation, "result": result, "content_type": kind}

    for operation in ("put", "get", "head", "delete", "presigned"):
        for result in ("success", "error", "exists", "not_found"):
            for kind in ("media", "json", "text", "url", "any"):
                start(name, **labels(operation, result, kind))
    return lambda *which: since(name, **labels(*which))


def put(key, body=b"x", **headers):
    return get_store().put(
        Reservation(key=key, size_bytes=len(body)), body, **({"mime": "image/png"} | headers)
    )


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("media/t/a.jpg", "media"),
        ("vision/t/a.json", "json"),
        ("album/t/1.json", "json"),
        ("crawl/t/1/a.html", "text"),  # compulsorily compressed
        ("backup/a", "any"),
    ],
)
def test_every_operation_is_counted_by_kind_and_result(store, operations, key, kind):
    put(key, pack(b"x", level=6), content_encoding="gzip")
    with get_store().open(key) as file:
        file.read()
    get_store().head(key)
    get_store().delete(key)
    assert get_store().head(key) is None
    with pytest.raises(ObjectMissing), get_store().open(key):
        pass

    for operation in ("put", "get", "head", "delete"):
        assert operations(operation, "success", kind) == 1
    assert operations("head", "not_found", kind) == 1
    assert operations("get", "not_found", kind) == 1


def test_failures_of_the_store_are_errors(store, operations):
    store.down = True

    with pytest.raises(StoreUnavailable):
        put("media/t/a.jpg")
    with pytest.raises(StoreUnavailable):
        get_store().head("media/t/a.jpg")
    with pytest.raises(StoreUnavailable):
        get_store().delete("media/t/a.jpg")
    with pytest.raises(StoreUnavailable):
        get_store().read_json("vision/t/a.json")

    assert operations("put", "error", "media") == 1
    assert operations("head", "error", "media") == 1
    assert operations("delete", "error", "media") == 1
    assert operations("get", "error", "json") == 1
    assert operations("put", "success", "media") == 0


def test_what_the_reader_does_with_an_object_is_no_failure_of_reading(store, operations):
    put("media/t/a.jpg")

    with pytest.raises(ValueError, match="no picture"), get_store().open("media/t/a.jpg"):
        raise ValueError("no picture")

    assert operations("get", "error", "media") == 0


@pytest.mark.django_db
def test_a_put_that_was_not_needed_exists(store, tenant, now, operations):
    for _ in range(2):
        services.put_object(
            tenant=tenant,
            content_type="media",
            key=f"media/{tenant.pk}/a.png",
            body=b"x",
            mime="image/png",
            now=now,
        )

    assert operations("put", "success", "media") == 1
    assert operations("put", "exists", "media") == 1


@pytest.mark.django_db
def test_a_link_is_counted_only_where_there_are_links(s3, tenant, now, operations):
    for store in (MemoryStore(), s3):
        with use(store):
            stored = services.put_object(
                tenant=tenant,
                content_type="media",
                key=f"media/{tenant.pk}/{type(store).__name__}.png",
                body=b"x",
                mime="image/png",
                now=now,
            )
            links.presigned_url(tenant_id=tenant.pk, key=stored.key, now=now)

    assert operations("presigned", "success", "url") == 1


@pytest.mark.parametrize(
    ("size", "bucket"),
    [
        (0, "<1mb"),
        (2**20 - 1, "<1mb"),
        (2**20, "1-5mb"),
        (5 * 2**20, "5-15mb"),
        (15 * 2**20, ">15mb"),
    ],
)
def test_sizes_fall_into_four_buckets(size, bucket):
    assert metrics.size_bucket(size) == bucket


def test_an_upload_is_timed_and_weighed(store, grown):
    start, since = grown
    timed = {"content_type": "media", "size_bucket": "<1mb"}
    start("s3_upload_duration_seconds_count", **timed)
    start("s3_file_size_bytes_sum", content_type="media")

    put("media/t/a.jpg", b"picture")

    assert since("s3_upload_duration_seconds_count", **timed) == 1
    assert since("s3_file_size_bytes_sum", content_type="media") == 7


@pytest.mark.django_db
def test_the_ratio_of_compression_is_packed_to_plain(store, tenant, now, grown):
    start, since = grown
    start("s3_compression_ratio_sum", content_type="json")
    document = {"text": "а" * 1000}

    stored = services.put_json(
        tenant=tenant, content_type="album", key=f"album/{tenant.pk}/1", data=document, now=now
    )

    plain = len(json_bytes(document))
    ratio = stored.size_bytes / plain
    assert since("s3_compression_ratio_sum", content_type="json") == pytest.approx(ratio)


@pytest.mark.django_db
def test_fact_006_a_page_is_kept_as_gzip_and_read_as_it_was(store, tenant, now):
    page = "<p>Кошка на окне</p>".encode()
    key = f"crawl/{tenant.pk}/1/a.html"

    stored = services.put_text(
        tenant=tenant, content_type="crawl", key=key, text=page, mime="text/html", now=now
    )

    with store.open(key, raw=True) as file:
        assert gzip.decompress(file.read()) == page
    with store.open(key) as file:
        assert file.read() == page
    assert (stored.mime, stored.content_encoding) == ("text/html", "gzip")


@pytest.mark.django_db
def test_compression_can_be_switched_off(store, tenant, now, settings):
    settings.S3 = settings.S3.model_copy(update={"use_compression": False})
    key = f"album/{tenant.pk}/1"

    stored = services.put_json(tenant=tenant, content_type="album", key=key, data={"a": 1}, now=now)

    with store.open(key, raw=True) as file:
        assert file.read() == b'{"a":1}'
    assert stored.content_encoding == ""
    assert store.read_json(key) == {"a": 1}


@pytest.mark.django_db
def test_crawled_pages_are_compressed_whatever_the_setting_says(store, tenant, now, settings):
    settings.S3 = settings.S3.model_copy(update={"use_compression": False})
    key, page = f"crawl/{tenant.pk}/1.html", b"<p>page</p>" * 100

    stored = services.put_text(
        tenant=tenant, content_type="crawl", key=key, text=page, mime="text/html", now=now
    )

    with store.open(key, raw=True) as file:
        assert gzip.decompress(file.read()) == page
    assert stored.content_encoding == "gzip"


@pytest.mark.django_db
@pytest.mark.parametrize("as_file", [False, True])
@pytest.mark.parametrize(
    ("name", "mime", "encoding", "refused"),
    [
        ("1.html", "application/octet-stream", "", True),
        ("1", "Text/HTML; charset=utf-8", "", True),
        ("1.md", "text/markdown", "gzip", True),  # it only says so
        ("1.png", "image/png", "", False),
    ],
)
def test_no_road_stores_a_crawled_page_as_it_is(
    store, tenant, now, name, mime, encoding, refused, as_file
):
    key, page = f"crawl/{tenant.pk}/{name}", b"<p>page</p>" * 100
    put = partial(
        services.put_object,
        tenant=tenant,
        content_type="crawl",
        key=key,
        body=BytesIO(page) if as_file else page,
        mime=mime,
        content_encoding=encoding,
        now=now,
    )

    with pytest.raises(PageNotPacked) if refused else nullcontext():
        put()

    assert (store.head(key) is None) == refused
    assert Reservation.objects.count() == 0
