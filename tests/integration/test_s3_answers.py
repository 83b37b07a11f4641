"""A bucket that answers without end: the memory and the time of its readers are limited."""

import time
import tracemalloc

import pytest

from events.outbound import purposes
from storage_quota.models import Reservation
from storage_quota.object_store import StoreForbidden, StoreUnavailable
from storage_quota.object_store.adapters import UploadBody
from storage_quota.object_store.s3 import S3Store
from storage_quota.object_store.s3.upload import UploadTarget, upload
from tests.outbound_server import OddServer
from tests.s3_fixtures import s3_settings


@pytest.fixture(scope="module")
def odd():
    with OddServer() as server:
        yield server


def listed(odd: OddServer, bucket: str) -> list[object]:
    """List a bucket whose name is a path of the odd server; S3 asks /BUCKET?list-type=2&…"""
    return list(S3Store(s3_settings(odd.url, bucket=bucket, read_timeout_sec=1)).list())


def test_an_answer_without_end_does_not_fill_the_memory(odd):
    tracemalloc.start()
    try:
        with pytest.raises((StoreForbidden, StoreUnavailable), match="larger than"):
            listed(odd, "endless")
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024**2
    finally:
        tracemalloc.stop()


@pytest.mark.costly
def test_an_answer_that_trickles_ends_with_the_patience(odd):
    begun = time.monotonic()

    with pytest.raises(StoreUnavailable):
        listed(odd, "trickle")

    assert time.monotonic() - begun < 4


@pytest.mark.costly
def test_objects_may_be_larger_than_answers_and_take_longer_to_read(moto, bucket):
    store = S3Store(s3_settings(moto, bucket=bucket, read_timeout_sec=1))
    size = purposes.bucket(moto, bucket).most_bytes + 1024**2
    store._client.put_object(Bucket=bucket, Key="media/t/large", Body=bytes(size))

    with store.open("media/t/large") as content:
        first = content.read(1)
        time.sleep(1.2)
        assert len(first + content.read()) == size


def test_the_program_says_who_it_is_without_putting_that_together_each_time(
    moto, bucket, monkeypatch
):
    store, sent = S3Store(s3_settings(moto, bucket=bucket)), []
    monkeypatch.setattr("botocore.useragent.modify_components", lambda _: sent.append("made anew"))
    store._client.meta.events.register_first(
        "before-send.s3", lambda request, **_: sent.append(request.headers["User-Agent"])
    )

    assert list(store.list()) == list(store.list())

    assert len(sent) == 2
    assert all(b"Botocore/" in agent for agent in sent)


@pytest.mark.parametrize(("size", "asked"), [(1, False), (1024**2, False), (1024**2 + 1, True)])
def test_only_a_large_object_waits_until_the_server_agrees(moto, bucket, size, asked):
    store, sent = S3Store(s3_settings(moto, bucket=bucket)), []
    store._client.meta.events.register_first(
        "before-send.s3", lambda request, **_: sent.append("Expect" in request.headers)
    )
    target = UploadTarget(bucket, "media/t/one", {"ContentType": "image/png"})
    reservation = Reservation(key=target.key, size_bytes=size)
    reservation.write_deadline = time.monotonic() + 60

    upload(store._client, target, UploadBody(b"x" * size, reservation), sizes=store._sizes)

    assert sent == [asked]
    with store.open(target.key) as content:
        assert content.read() == b"x" * size


@pytest.mark.parametrize("size", [1, 6 * 1024**2])
def test_an_upload_that_is_confirmed_without_an_etag_is_not_stored(moto, bucket, size):
    """As by a proxy that says 200 to everything; whole and in parts."""
    store = S3Store(s3_settings(moto, bucket=bucket, multipart_threshold_mb=5))
    store._client.meta.events.register_last(
        "after-call.s3", lambda parsed, **_: [parsed.pop(key, None) for key in ("ETag", "Key")]
    )
    reservation = Reservation(key="media/t/one", size_bytes=size)
    reservation.write_deadline = time.monotonic() + 60

    with pytest.raises(StoreUnavailable, match="ETag"):
        store.put(reservation, b"x" * size, mime="image/png")

    assert reservation.unconfirmed
