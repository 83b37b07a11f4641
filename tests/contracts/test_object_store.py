"""
The contract of the port, for the stores in memory, on files and on S3: moto's HTTP server, and a
real one (tests/real_s3.py).
"""

import errno
import gzip
import hashlib
import http.server
import json
import math
import threading
import time
import urllib.request
import warnings
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from certifi import where
from urllib3.exceptions import InsecureRequestWarning

from accounts.models import Tenant
from events.errors import RetryLater
from storage_quota import services
from storage_quota.apps import warn_of_unverified_certificates
from storage_quota.models import Reservation
from storage_quota.object_store import (
    LifecycleRule,
    LifecycleUnsupported,
    ObjectMissing,
    ReservationMismatch,
    StoreForbidden,
    StoreFull,
    StoreNotWritable,
    StoreUnavailable,
    UnfinishedUpload,
    use,
)
from storage_quota.object_store.errors import OUT_OF_ORDER
from storage_quota.object_store.files import UPLOADS, FileStore
from storage_quota.object_store.memory import MemoryStore
from storage_quota.object_store.packing import json_bytes, pack
from storage_quota.object_store.s3 import S3Store, client, lifecycle_rules
from tests.faulty_proxy import step_of
from tests.gigachat_stub import Stub
from tests.s3_fixtures import PART_BYTES, s3_settings

DOCUMENT = {"description": "Кошка на окне", "labels": ["кот", "окно"]}
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(params=["memory", "files", "s3", "real_s3"])
def store(request, tmp_path):
    if request.param == "memory":
        return MemoryStore()
    if request.param == "files":
        return FileStore(tmp_path)
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["s3", "real_s3"])
def any_s3(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["memory", "files", "s3"])
def store_that_is_down(request, tmp_path):
    if request.param == "memory":
        memory = MemoryStore()
        memory.down = True
        return memory
    if request.param == "files":
        return FileStore(tmp_path / "unmounted")
    return S3Store(s3_settings(NOBODY))


def reserved(key, size):
    return Reservation(key=key, size_bytes=size)


def put(store, key, content, **headers):
    fields = {"mime": "image/jpeg"} | headers
    return store.put(reserved(key, max(1, len(content))), content, **fields)


def test_what_was_put_can_be_read(store):
    receipt = put(store, "media/t/ab/a.jpg", b"picture")

    with store.open("media/t/ab/a.jpg") as file:
        assert file.read() == b"picture"
    assert receipt.size_bytes == 7
    assert receipt.key == "media/t/ab/a.jpg"
    assert len(receipt.sha256) == 64


def test_a_stream_is_read_from_where_it_stands(store):
    body = BytesIO(b"skipped,picture")
    body.seek(8)

    store.put(reserved("media/t/a.jpg", 7), body, mime="image/jpeg")

    with store.open("media/t/a.jpg") as file:
        assert file.read() == b"picture"


def test_the_receipt_is_noted_on_the_reservation(store):
    reservation = reserved("media/t/a.jpg", 10)

    receipt = store.put(reservation, b"picture", mime="image/jpeg")

    assert reservation.receipt == receipt


def test_a_later_put_replaces_the_object(store):
    put(store, "media/t/a.jpg", b"first and longer")
    put(store, "media/t/a.jpg", b"second")

    assert store.head("media/t/a.jpg").size_bytes == 6
    assert len(list(store.list())) == 1


def test_more_bytes_than_reserved_are_refused_and_nothing_is_stored(store):
    reservation = reserved("media/t/a.jpg", 3)

    with pytest.raises(ReservationMismatch):
        store.put(reservation, BytesIO(b"four"), mime="image/jpeg")

    assert store.head("media/t/a.jpg") is None
    assert reservation.receipt is None


def test_a_refused_overwrite_leaves_the_old_object_whole(store):
    put(store, "media/t/a.jpg", b"old")

    with pytest.raises(ReservationMismatch):
        store.put(reserved("media/t/a.jpg", 3), b"too long", mime="image/jpeg")

    with store.open("media/t/a.jpg") as file:
        assert file.read() == b"old"


def test_nothing_is_put_on_a_reservation_that_is_too_old(store):
    reservation = reserved("media/t/a.jpg", 3)
    reservation.write_deadline = time.monotonic() - 1

    with pytest.raises(ReservationMismatch, match="too old"):
        store.put(reservation, b"new", mime="image/jpeg")

    assert store.head("media/t/a.jpg") is None


def test_a_body_that_fails_midway_leaves_nothing(store):
    class Torn(BytesIO):
        def read(self, size=-1):
            if self.tell():
                raise ValueError("torn")
            return super().read(5)

    with pytest.raises(ValueError, match="torn"):
        store.put(reserved("media/t/a.jpg", 100), Torn(b"0123456789"), mime="image/jpeg")

    assert list(store.list()) == []


def test_fact_005_json_is_kept_as_gzip_and_read_as_it_was(store):
    packed = pack(json_bytes(DOCUMENT), level=6)
    put(store, "vision/t/a.json", packed, mime="application/json", content_encoding="gzip")

    with store.open("vision/t/a.json", raw=True) as file:
        raw = file.read()
    assert raw[:2] == b"\x1f\x8b"
    assert json.loads(gzip.decompress(raw)) == DOCUMENT
    assert store.head("vision/t/a.json").content_encoding == "gzip"
    assert store.read_json("vision/t/a.json") == DOCUMENT


def test_a_medium_that_happens_to_be_gzip_stays_gzip(store):
    archive = gzip.compress(b"sticker", mtime=0)
    put(store, "media/t/a.tgs", archive, mime="application/x-tgsticker")

    with store.open("media/t/a.tgs") as file:
        assert file.read() == archive


def test_equal_documents_are_packed_to_equal_bytes():
    assert json_bytes({"a": 1, "b": 2}) == json_bytes({"b": 2, "a": 1})
    assert pack(b"text", level=6) == pack(b"text", level=6)


def test_head_tells_size_type_and_time(store):
    put(store, "media/t/a.jpg", b"picture")

    info = store.head("media/t/a.jpg")

    assert (info.key, info.size_bytes, info.mime) == ("media/t/a.jpg", 7, "image/jpeg")
    assert info.modified_at.tzinfo is not None
    assert info.etag


def test_fact_010_an_absent_key_has_no_head(store):
    assert store.head("media/t/absent.jpg") is None


def test_fact_010_a_store_that_is_down_is_an_error_not_an_absence(store_that_is_down):
    store = store_that_is_down

    with pytest.raises(StoreUnavailable):
        store.head("media/t/a.jpg")
    with pytest.raises(StoreUnavailable):
        list(store.list())
    with pytest.raises(StoreUnavailable):
        store.delete("media/t/a.jpg")
    with pytest.raises(StoreUnavailable), store.open("media/t/a.jpg"):
        pass
    assert issubclass(StoreUnavailable, RetryLater)


def test_an_absent_object_cannot_be_opened(store):
    with pytest.raises(ObjectMissing), store.open("media/t/absent.jpg"):
        pass
    with pytest.raises(ObjectMissing):
        store.read_json("vision/t/absent.json")


def test_deleting_twice_is_no_error(store):
    put(store, "media/t/a.jpg", b"picture")

    store.delete("media/t/a.jpg")
    store.delete("media/t/a.jpg")

    assert store.head("media/t/a.jpg") is None


def test_a_listing_has_the_keys_with_the_prefix_in_order(store):
    names = ["media/t/b.jpg", "media/t/a/x.jpg", "media/t/a.jpg", "media/t/a-b/y.jpg", "vision/t/z"]
    for name in names:
        put(store, name, b"picture")

    assert [o.key for o in store.list()] == sorted(names)
    assert [o.key for o in store.list("media/t/a")] == sorted(n for n in names if "/a" in n)
    assert [o.key for o in store.list("media/t/a/")] == ["media/t/a/x.jpg"]
    assert list(store.list("crawl/")) == []
    assert {o.size_bytes for o in store.list()} == {7}


def unfinished(store, key="media/t/ab/half.mp4"):
    """Uploads that a killed writer leaves behind."""
    if isinstance(store, MemoryStore):
        upload = UnfinishedUpload(key, "1", datetime.now(UTC))
        store.unfinished.append(upload)
    elif isinstance(store, FileStore):
        draft = store.root / UPLOADS / f"{key}~1"
        draft.parent.mkdir(parents=True)
        draft.write_bytes(b"half")
    else:
        store._client.create_multipart_upload(Bucket=store._bucket, Key=key)


def test_fact_022_an_unfinished_upload_is_listed_and_can_be_aborted(store):
    unfinished(store)

    [upload] = store.uploads()
    assert upload.key == "media/t/ab/half.mp4"
    assert upload.started_at.tzinfo is not None
    assert list(store.list()) == []
    store.abort(upload)
    store.abort(upload)

    assert list(store.uploads()) == []


def test_the_unfinished_uploads_of_one_key_are_told_from_those_of_its_neighbours(store):
    unfinished(store)

    [upload] = store.uploads("media/t/ab/half.mp4")

    assert upload.key == "media/t/ab/half.mp4"
    assert list(store.uploads("media/t/ab/half.mp")) == []
    assert list(store.uploads("media/t/cd/half.mp4")) == []


def test_an_upload_that_succeeds_is_not_left_in_the_list_of_unfinished_ones(store):
    put(store, "media/t/ab/a.jpg", b"picture")
    put(store, "media/t/ab/b.jpg", bytes(2 * PART_BYTES))

    assert list(store.uploads()) == []


def test_a_store_that_is_down_cannot_tell_its_uploads_and_rules(store_that_is_down):
    with pytest.raises(StoreUnavailable):
        list(store_that_is_down.uploads())
    with pytest.raises((StoreUnavailable, LifecycleUnsupported)):
        store_that_is_down.lifecycle()


@pytest.fixture(params=["memory", "s3", "real_s3"])
def store_with_rules(request):
    return MemoryStore() if request.param == "memory" else request.getfixturevalue(request.param)


RULES = [
    LifecycleRule("crawl/", expire_days=7),
    LifecycleRule("", abort_uploads_days=1),
]


@pytest.mark.costly
def test_rules_that_are_set_are_in_force_until_others_are(store_with_rules):
    assert list(store_with_rules.lifecycle()) == []

    store_with_rules.sync_lifecycle(RULES)
    store_with_rules.sync_lifecycle(RULES)
    assert sorted(store_with_rules.lifecycle(), key=str) == sorted(RULES, key=str)

    store_with_rules.sync_lifecycle(RULES[:1])
    assert list(store_with_rules.lifecycle()) == RULES[:1]

    store_with_rules.sync_lifecycle([])
    assert list(store_with_rules.lifecycle()) == []


def test_rules_of_others_stay_and_are_told(any_s3):
    foreign = {
        "ID": "theirs",
        "Status": "Enabled",
        "Filter": {"Prefix": "backup/"},
        "Expiration": {"Days": 90},
    }
    off = {"ID": "off", "Status": "Disabled", "Filter": {"Prefix": "media/"}}
    any_s3._client.put_bucket_lifecycle_configuration(
        Bucket=any_s3._bucket,
        LifecycleConfiguration={"Rules": [foreign, off | {"Expiration": {"Days": 1}}]},
    )

    any_s3.sync_lifecycle(RULES)
    any_s3.sync_lifecycle(RULES[1:])

    assert set(any_s3.lifecycle()) == {LifecycleRule("backup/", expire_days=90), RULES[1]}


@pytest.mark.parametrize(
    ("rule", "prefix"),
    [
        ({"Prefix": "old/"}, "old/"),
        ({"Filter": {"Prefix": "new/"}}, "new/"),
        ({"Filter": {"And": {"Prefix": "both/", "Tags": []}}}, "both/"),
        ({"Filter": {}}, ""),
    ],
)
def test_the_prefix_of_a_rule_is_read_from_wherever_it_stands(rule, prefix):
    [read] = lifecycle_rules.read([{"Status": "Enabled", **rule}])

    assert read == LifecycleRule(prefix)


@pytest.mark.costly
def test_a_server_without_rules_says_so(refusing_s3, tmp_path):
    silent = MemoryStore()
    silent.has_lifecycle = False
    stores = [
        silent,
        FileStore(tmp_path),
        refusing_s3(501, "NotImplemented"),
        refusing_s3(405, "MethodNotAllowed"),
        refusing_s3(400, "NotImplemented"),
    ]

    for store in stores:
        with pytest.raises(LifecycleUnsupported):
            store.lifecycle()
        with pytest.raises(LifecycleUnsupported):
            store.sync_lifecycle(RULES)


def presigned(store, key="media/t/a.jpg", **changes):
    fields = {
        "expires": timedelta(seconds=90),
        "filename": "кот.jpg",
        "mime": "image/jpeg",
        "attachment": False,
    }
    return store.presign(key, **(fields | changes))


@pytest.mark.parametrize("kind", ["memory", "files"])
def test_a_store_without_links_gives_none(kind, tmp_path):
    store = MemoryStore() if kind == "memory" else FileStore(tmp_path)

    assert presigned(store) is None


def test_a_link_shows_the_object_under_the_name_and_type_that_were_asked_for(any_s3):
    put(any_s3, "media/t/a.jpg", b"picture", mime="text/html")

    link = presigned(any_s3, mime="application/octet-stream", attachment=True)

    with urllib.request.urlopen(link) as answer:  # noqa: S310 - of the server started above
        assert answer.read() == b"picture"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == (
            "attachment; filename*=utf-8''%D0%BA%D0%BE%D1%82.jpg"
        )


def test_a_link_is_signed_with_version_4_in_path_style_and_expires(any_s3):
    link = urlsplit(presigned(any_s3))

    query = parse_qs(link.query)
    assert link.path == f"/{any_s3._bucket}/media/t/a.jpg"
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["90"]
    assert query["response-content-type"] == ["image/jpeg"]


def test_a_bucket_may_stand_in_the_name_of_the_host():
    store = S3Store(s3_settings("https://s3.example.org", bucket="mine", force_path_style=False))

    assert presigned(store).startswith("https://mine.s3.example.org/media/t/a.jpg?")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"verify_ssl": False}, False), ({"ca_bundle": Path(where())}, where())],
)
def test_certificates_are_checked_as_configured(changes, expected, monkeypatch):
    """What boto3's own session has is of no account: ours sends."""
    made = []
    monkeypatch.setattr(client, "guard", lambda *arguments: made.append(arguments[-1]))

    assert S3Store(s3_settings("https://s3.example.org", **changes))._client

    assert made[0].certificates == expected


@pytest.mark.parametrize(("verify", "said"), [(True, 0), (False, 1)])
def test_certificates_that_are_not_verified_are_said_once(
    verify, said, settings, caplog, certificate_files
):
    with (
        Stub(chain=certificate_files.chain) as server,
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        settings.S3 = s3_settings(
            server.base_url.removesuffix(urlsplit(server.base_url).path),
            verify_ssl=verify,
            max_retry_attempts=1,
        )
        warn_of_unverified_certificates()
        store = S3Store(settings.S3)
        for _ in range(2):
            with suppress(*OUT_OF_ORDER):
                store.head("media/a")

    assert caplog.text.count("S3_VERIFY_SSL=false") == said
    assert [one for one in warned if issubclass(one.category, InsecureRequestWarning)] == []


def test_every_write_carries_the_md5_of_the_bytes_as_sent(behind_proxy, proxy, s3):
    store = behind_proxy()
    packed = pack(json_bytes(DOCUMENT), level=6)

    put(store, "vision/t/a.json", packed, mime="application/json", content_encoding="gzip")
    put(store, "media/t/big.mp4", bytes(PART_BYTES + 1))
    store.sync_lifecycle(RULES)

    sums = {step: headers["Content-MD5"] for step, headers in sent(proxy)}
    assert sums["put"] == md5_of(packed)
    assert sums["part"] == md5_of(b"\0")
    assert sums["lifecycle"]
    for step, headers in sent(proxy):
        assert step == "lifecycle" or not any("checksum" in name.lower() for name in headers)
        assert "x-amz-trailer" not in headers
        assert headers["Authorization"].startswith("AWS4-HMAC-SHA256")


def sent(proxy):
    for method, path, headers in proxy.requests:
        if method == "PUT":
            yield "lifecycle" if path.endswith("?lifecycle") else step_of(method, path), headers


def md5_of(content):
    return b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


@pytest.mark.costly
def test_a_listing_broken_off_by_the_server_is_not_the_end(behind_proxy, answering_s3):
    page = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"

    with pytest.raises(StoreUnavailable, match="broke its listing off"):
        list(answering_s3(page).list())


def test_what_an_upload_was_wrapped_in_is_no_encoding_of_the_object(any_s3):
    put(any_s3, "vision/t/a.json", pack(b"{}", level=6), content_encoding="aws-chunked, gzip")

    assert any_s3.head("vision/t/a.json").content_encoding == "gzip"
    assert any_s3.read_json("vision/t/a.json") == {}


def test_an_error_of_the_reader_is_not_one_of_the_store(store):
    put(store, "media/t/a.jpg", b"picture")

    with pytest.raises(OSError, match="disk full"), store.open("media/t/a.jpg"):
        raise OSError(errno.ENOSPC, "disk full")


def test_a_stream_that_gives_little_at_a_time_is_stored_whole(any_s3):
    class Trickle(BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1024 * 1024 - 7))

    content = bytes(range(256)) * (2 * PART_BYTES // 256)

    any_s3.put(reserved("media/t/big.bin", len(content)), Trickle(content), mime="video/mp4")

    assert any_s3.head("media/t/big.bin").size_bytes == len(content)
    assert any_s3.head("media/t/big.bin").etag.endswith("-2")


def test_an_empty_object_is_one(store):
    put(store, "media/t/empty", b"")

    assert store.head("media/t/empty").size_bytes == 0


def test_a_listing_goes_on_after_a_key(store):
    names = ["Z", "a-b/1", "a/1", "a/2/3", "a/4", "b/1", "b/й"]
    keys = [f"media/{name}" for name in names]
    for key in keys:
        put(store, key, b"x")

    for key in ["", "media/", "media/a/0", "media/a/2/", "media/zz", *keys]:
        assert [info.key for info in store.list(after=key)] == [k for k in keys if k > key]
    assert [info.key for info in store.list("media/a/", after="media/a/1")] == keys[3:5]


@pytest.mark.parametrize("cut", [3, 15, -3])
def test_a_document_that_is_damaged_is_neither_absent_nor_an_outage(store, cut):
    put(store, "vision/t/a.json", pack(b"{}" * 50, level=6)[:cut], content_encoding="gzip")

    with pytest.raises(ValueError, match="not whole"):
        store.read_json("vision/t/a.json")


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../a", "media/../../a", "media//a", "media/./a", "a\x00", "a\\b"]
)
def test_a_key_that_leaves_its_folder_is_refused(store, key):
    with pytest.raises(ValueError, match="not a key"):
        put(store, key, b"x")
    with pytest.raises(ValueError, match="not a key"):
        store.head(key)
    with pytest.raises(ValueError, match="not a key"):
        store.delete(key)


@pytest.mark.django_db
def test_fact_002_the_same_bytes_are_one_object_and_one_upload(store, now):
    tenant = Tenant.objects.create(name="Alice")
    uploads = []
    original = store.put

    def counted(*args, **kwargs):
        uploads.append(args)
        return original(*args, **kwargs)

    store.put = counted
    fields = {"tenant": tenant, "content_type": "media", "mime": "image/png", "now": now}
    with use(store):
        first = services.put_object(key=f"media/{tenant.pk}/a.png", body=b"x", **fields)
        second = services.put_object(key=f"media/{tenant.pk}/a.png", body=BytesIO(b"x"), **fields)

    assert first.key == second.key
    assert len(uploads) == 1
    assert len(list(store.list())) == 1


@pytest.fixture
def pages_of_two(any_s3):
    def shortened(params, **_):
        return params | {"MaxKeys": 2}

    any_s3._client.meta.events.register("provide-client-params.s3.ListObjectsV2", shortened)
    yield
    any_s3._client.meta.events.unregister("provide-client-params.s3.ListObjectsV2", shortened)


def test_a_listing_of_many_pages_is_complete(any_s3, pages_of_two):
    for number in range(7):
        put(any_s3, f"media/t/{number:04}.jpg", b"x")

    assert len(list(any_s3.list("media/"))) == 7


def test_a_big_object_goes_up_in_parts_and_comes_back_whole(any_s3):
    content = bytes(range(256)) * (2 * PART_BYTES // 256 + 1)

    receipt = any_s3.put(
        reserved("media/t/big.bin", len(content)), BytesIO(content), mime="video/mp4"
    )

    with any_s3.open("media/t/big.bin") as file:
        assert file.read() == content
    assert receipt.size_bytes == len(content)


def test_a_big_object_over_its_reservation_leaves_no_parts_behind(any_s3):
    with pytest.raises(ReservationMismatch):
        any_s3.put(
            reserved("media/t/big.bin", PART_BYTES + 1), bytes(2 * PART_BYTES), mime="video/mp4"
        )

    uploads = any_s3._client.list_multipart_uploads(Bucket=any_s3._bucket)
    assert "Uploads" not in uploads
    assert any_s3.head("media/t/big.bin") is None


def test_a_bucket_that_does_not_exist_is_not_an_absent_object(moto):
    store = S3Store(s3_settings(moto, bucket="nowhere"))

    with pytest.raises(StoreForbidden, match="S3_BUCKET_NAME"):
        store.head("media/t/a.jpg")
    with pytest.raises(StoreForbidden, match="S3_BUCKET_NAME"):
        list(store.list())
    with pytest.raises(StoreForbidden, match="S3_BUCKET_NAME"):
        put(store, "media/t/a.jpg", b"x")


@pytest.fixture
def answering_s3(refusing_s3):
    def make(document):
        return refusing_s3(200, "", document)

    return make


class _Refusing(http.server.BaseHTTPRequestHandler):
    status, code, document = 403, "AccessDenied", ""

    def do_PUT(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        refusal = f"<Error><Code>{self.code}</Code><Message>no</Message></Error>"
        body = (self.document or refusal).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT  # noqa: N815 - the standard library's name

    def log_message(self, *args):
        pass


@pytest.fixture
def refusing_s3():
    servers = []

    def make(status, code, document=""):
        answer = {"status": status, "code": code, "document": document}
        handler = type("Handler", (_Refusing,), answer)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return S3Store(s3_settings(f"http://127.0.0.1:{server.server_port}"))

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.costly
@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", StoreNotWritable),
        (403, "SignatureDoesNotMatch", StoreForbidden),
        (507, "InsufficientStorage", StoreFull),
        (500, "InternalError", StoreUnavailable),
        (503, "SlowDown", StoreUnavailable),
    ],
)
def test_an_answer_of_s3_becomes_one_of_our_errors(refusing_s3, status, code, expected):
    with pytest.raises(expected):
        put(refusing_s3(status, code), "media/t/a.jpg", b"x")


@pytest.mark.costly
def test_reading_without_rights_is_not_an_absence(refusing_s3):
    with pytest.raises(StoreForbidden, match="S3_ACCESS_KEY_ID"):
        list(refusing_s3(403, "AccessDenied").list())


@pytest.mark.parametrize(
    ("number", "expected", "remedy"),
    [
        (errno.ENOSPC, StoreFull, "VAR_DIR"),
        (errno.EDQUOT, StoreFull, "VAR_DIR"),
        (errno.EACCES, StoreNotWritable, "write rights"),
        (errno.EROFS, StoreNotWritable, "write rights"),
        (errno.EIO, StoreUnavailable, "no"),
    ],
)
def test_a_failure_of_the_disk_is_told_with_its_remedy(tmp_path, number, expected, remedy):
    class Failing(BytesIO):
        def read(self, size=-1):
            raise OSError(number, "no")

    with pytest.raises(expected, match=remedy):
        FileStore(tmp_path).put(reserved("media/t/a.jpg", 9), Failing(b"x"), mime="image/jpeg")


def test_unfinished_files_are_not_in_a_listing(tmp_path):
    (tmp_path / UPLOADS).mkdir()
    (tmp_path / UPLOADS / "half").write_bytes(b"half")

    assert list(FileStore(tmp_path).list()) == []


def test_a_reader_sees_the_old_object_or_the_new_one_whole(tmp_path):
    store = FileStore(tmp_path)
    contents = [bytes([n]) * 200_000 for n in range(2)]
    put(store, "media/t/a.jpg", contents[0])
    seen = set()
    stop = threading.Event()

    def read():
        while not stop.is_set():
            with store.open("media/t/a.jpg") as file:
                seen.add(file.read())

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(50):
        put(store, "media/t/a.jpg", contents[n % 2])
    stop.set()
    reader.join()

    assert seen <= set(contents)


def test_a_reservation_from_the_database_may_be_put_at_any_time():
    assert Reservation().write_deadline == math.inf
