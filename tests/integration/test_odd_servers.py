"""
S3 servers as they are: without operations that others have, with versions, with refusals.

Whatever a server lacks is found once, said once, and the rest works. Whatever is wrong is told by
its cause and the setting, with exit code 2 and without a traceback.
"""

import http.server
import io
import json
import logging
import os
import ssl
import threading
import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand, SystemCheckError
from django.utils import timezone
from django.utils.translation import gettext

from accounts import tenants
from media.models import Post
from media.services import imports
from media.services.pipeline import batches
from media.sources.export import ExportSource
from storage_quota import cleanup, keys, selectors, services, tasks
from storage_quota.models import BucketState, ContentType, Reservation, StoredObject
from storage_quota.object_store import StoreFull, StoreUnavailable, survey, use
from storage_quota.object_store.factory import where
from storage_quota.object_store.s3 import S3Store
from telegram_assistant.console import dashboard
from tests.gigachat_stub import certificates
from tests.processes import run_python
from tests.s3_fixtures import PART_BYTES, s3_settings
from tests.storage_fixtures import in_bucket, in_ledger, key
from tests.unit.exports import chat, message, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

LACKING = ["501", "405", "400 NotImplemented"]
DAY = timedelta(days=1)


@pytest.fixture
def odd(proxy, s3):
    """A store of its own that reaches the server through the proxy: what it lacks, it remembers."""
    store = S3Store(s3_settings(proxy.url, bucket=s3._bucket))
    with use(store):
        yield store


@pytest.fixture
def run(capsys):
    """Run a command with --json; returns its exit code, its object and what it says to people."""

    def call(*arguments):
        code, out, said = 0, io.StringIO(), ""
        try:
            call_command(*arguments, "--json", stdout=out, stderr=io.StringIO())
        except SystemExit as end:
            code = end.code
        except CommandError as failure:
            code, said = failure.returncode, str(failure)
        capsys.readouterr()
        return code, json.loads(out.getvalue()), said

    return call


def stored(tenant, name="a.pdf", body=b"document", *, kind="media", age=timedelta()):
    return services.put_object(
        tenant=tenant,
        content_type=kind,
        key=key(tenant, name, kind),
        body=body,
        mime="application/pdf",
        now=timezone.now() - age,
    )


class TestLacking:
    @pytest.mark.parametrize("how", LACKING)
    def test_report_08_what_cannot_be_listed_blocks_neither_cleanup_nor_release(
        self, odd, proxy, tenant, run, shared_data, how
    ):
        report = shared_data / "reports" / "08-s3-no-list-uploads" / "expected.json"
        expected = json.loads(report.read_text())
        proxy.fail("uploads", how)
        stored(tenant, kind="crawl", age=9 * DAY)
        now = timezone.now()
        medium = keys.media(tenant_id=tenant.pk, sha256="ab" * 32, mime="application/pdf")
        wanted = services.ReservationRequest(medium, 40 * 1024**2)
        services.reserve_many(
            tenant=tenant, content_type=ContentType.MEDIA, requests=[wanted], now=now
        )

        services.release_expired(now=now + DAY)
        code, done, _ = run("emergency_s3_cleanup", "auto", "--target-gb", "0")

        assert Reservation.objects.count() == expected["reservations_left_after_expiry"]
        assert code == expected["emergency_cleanup_exit"]
        assert done["deleted_count"] == 1
        assert in_bucket(odd) == in_ledger() == {}

    def test_it_is_found_once_and_said_once(self, odd, proxy, caplog):
        proxy.fail("uploads", "501")

        with caplog.at_level(logging.WARNING):
            for _ in range(5):
                assert list(odd.uploads()) == []
                tasks.release_expired()

        assert proxy.steps.count("uploads") == 1
        assert [r.getMessage() for r in caplog.records if "ListMultipartUploads" in r.msg % r.args]
        assert len([r for r in caplog.records if "does without" in r.getMessage()]) == 1

    def test_the_listing_of_old_servers_is_complete_and_goes_on_after_a_key(self, odd, proxy, s3):
        proxy.fail("list", "501")
        for number in range(7):
            s3._client.put_object(Bucket=s3._bucket, Key=f"media/t/{number}", Body=b"x")

        def shortened(params, **_):
            return params | {"MaxKeys": 2}

        odd._client.meta.events.register("provide-client-params.s3.ListObjects", shortened)

        assert [info.key[-1] for info in odd.list("media/")] == list("0123456")
        assert [info.key[-1] for info in odd.list("media/", after="media/t/3")] == list("456")
        assert proxy.steps.count("list") == 1

    def test_a_server_that_begins_with_the_key_itself_repeats_nothing(self, odd, s3):
        for name in "abc":
            s3._client.put_object(Bucket=s3._bucket, Key=f"media/t/{name}", Body=b"x")

        def ignored(params, **_):
            return {name: value for name, value in params.items() if name != "StartAfter"}

        odd._client.meta.events.register("provide-client-params.s3.ListObjectsV2", ignored)

        assert [info.key for info in odd.list(after="media/t/b")] == ["media/t/c"]

    @pytest.mark.costly
    def test_without_uploads_in_parts_a_big_file_goes_in_one_request(self, odd, proxy, tenant):
        proxy.fail("create", "501")
        body = bytes(range(256)) * (2 * PART_BYTES // 256 + 1)

        entry = stored(tenant, body=body)

        with odd.open(entry.key) as file:
            assert file.read() == body
        assert "uploads in parts" in odd.lacks()

    @pytest.mark.sampled(3)
    @pytest.mark.parametrize("how", ["501", "403"])
    @pytest.mark.parametrize("step", ["versioning", "lifecycle", "uploads"])
    def test_one_that_is_missing_keeps_no_command_from_its_work(
        self, odd, proxy, tenant, run, step, how
    ):
        proxy.fail(step, how)
        stored(tenant, kind="crawl", age=9 * DAY)

        code, server, _ = run("diag_s3", "server")
        assert (code, len(server["lacks"])) == (0, 1)
        assert len(server["warnings"]) == 1
        code, report, _ = run("verify_storage", "--all")
        assert (code, report["warnings"]) == (0, server["warnings"])
        assert run("diag_s3", "quota")[1]["warnings"] == server["warnings"]
        assert run("sync_lifecycle")[0] == (2 if (step, how) == ("lifecycle", "403") else 0)
        code, done, _ = run("emergency_s3_cleanup", "auto", "--target-gb", "0")
        assert (code, done["deleted_count"]) == (0, 1)
        [figure] = dashboard._server(survey.state())
        assert figure.alarming
        assert gettext(next(iter(server["lacks"]))) in figure.value

    def test_what_is_there_again_is_found_by_looking_anew(self, proxy, s3, run):
        proxy.fail("lifecycle", "501")
        with use(S3Store(s3_settings(proxy.url, bucket=s3._bucket))):
            assert run("diag_s3", "server")[1]["lacks"] == {"lifecycle rules": "not there"}
        proxy.heal()
        with use(s3):
            assert run("diag_s3", "server")[1]["lacks"] == {}
        assert list(dashboard._server(survey.state())) == []

    def test_the_hourly_task_looks_daily(self, s3, odd, proxy, monkeypatch):
        tasks.verify_storage()
        asked = Counter(proxy.steps)["versioning"]
        tasks.verify_storage()
        assert Counter(proxy.steps)["versioning"] == asked == 1

        BucketState.objects.update(surveyed_at=timezone.now() - 2 * DAY)
        tasks.verify_storage()
        assert Counter(proxy.steps)["versioning"] == 2


@pytest.fixture
def versioned(moto):
    """A store over a bucket of its own that keeps what is replaced and deleted."""
    name = f"v-{uuid.uuid4().hex}"
    store = S3Store(s3_settings(moto, bucket=name))
    region = {"LocationConstraint": "ru-central-1"}
    store._client.create_bucket(Bucket=name, CreateBucketConfiguration=region)
    store._client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    with use(store):
        yield store


def bytes_of_all_versions(store):
    found = store._client.list_object_versions(Bucket=store._bucket)
    return sum(entry["Size"] for entry in found.get("Versions", ()))


def _leave_a_marker(store, name):
    """Delete an object, and then what the bucket keeps of it."""
    at = {"Bucket": store._bucket, "Key": name}
    version = store._client.put_object(**at, Body=b"x")["VersionId"]
    store._client.delete_object(**at)
    store._client.delete_object(**at, VersionId=version)


class TestVersions:
    def test_it_is_seen_and_said_everywhere(self, versioned, tenant, run):
        stored(tenant)
        services.remove([key(tenant, "a.pdf")], now=timezone.now())

        code, server, _ = run("diag_s3", "server")

        assert (code, server["versioning"], server["old_versions_bytes"]) == (0, "Enabled", 8)
        assert any("sync_lifecycle" in text for text in server["warnings"])
        code, report, _ = run("verify_storage", "--all")
        assert (code, report["warnings"]) == (0, server["warnings"])
        assert run("diag_s3", "usage")[1]["unlisted_bytes"] == 8
        [figure] = dashboard._server(survey.state())
        assert figure.alarming

    def test_what_all_versions_hold_counts_at_every_moment(self, versioned, tenant):
        survey.take(versioned, where(), now=timezone.now())
        assert survey.state().versioning == "Enabled"

        for number in range(3):
            stored(tenant, body=b"%d" % number * 10)
            assert selectors.taken_in_all() == bytes_of_all_versions(versioned)
        services.remove([key(tenant, "a.pdf")], now=timezone.now())

        assert bytes_of_all_versions(versioned) == 30
        assert selectors.taken_in_all() == selectors.bucket_usage().taken_bytes == 30
        assert selectors.taken(tenant_id=tenant.pk, content_type="media").bucket == 30

    def test_the_limit_refuses_what_old_versions_leave_no_room_for(
        self, versioned, tenant, settings, limits
    ):
        settings.CLEANUP = replace(settings.CLEANUP, enabled=False)
        survey.take(versioned, where(), now=timezone.now())
        for _ in range(2):
            stored(tenant, body=b"x" * 40)
            services.remove([key(tenant, "a.pdf")], now=timezone.now())

        with pytest.raises(services.QuotaExceeded, match="bucket_full"):
            stored(tenant, body=b"x" * 40)
        assert bytes_of_all_versions(versioned) <= limits.total_bytes

    def test_rules_that_expire_old_versions_are_written_and_seen(self, versioned, run):
        code, written, _ = run("sync_lifecycle")
        again = run("sync_lifecycle")[1]

        assert (code, written["versioned"], len(written["written"])) == (0, True, 4)
        assert (again["written"], again["missing"]) == ([], [])
        rules = versioned._client.get_bucket_lifecycle_configuration(Bucket=versioned._bucket)
        for rule in rules["Rules"]:
            assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 7
            expiration = rule["Expiration"]
            assert "Days" in expiration or expiration["ExpiredObjectDeleteMarker"]
        server = run("diag_s3", "server")[1]
        assert server["old_versions_expire"]
        assert not any("sync_lifecycle" in text for text in server["warnings"])
        [figure] = dashboard._server(survey.state())
        assert not figure.alarming

    def test_a_bucket_without_versions_gets_no_such_rules(self, s3, run):
        with use(s3):
            assert run("sync_lifecycle")[1]["versioned"] is False
        assert all(rule.expire_old_days is None for rule in s3.lifecycle())

    @pytest.mark.costly
    def test_a_cleanup_frees_what_the_versions_hold_and_no_more_objects_than_it_must(
        self, versioned, tenant, run
    ):
        """Old versions first: they are the least loss. What is evicted leaves none behind."""
        for number in range(3):
            stored(tenant, f"{number}", kind="crawl", body=b"x" * 10, age=(9 - number) * DAY)
            stored(tenant, f"{number}", kind="crawl", body=b"y" * 10, age=(9 - number) * DAY)
        survey.take(versioned, where(), now=timezone.now())
        assert selectors.taken_in_all() == bytes_of_all_versions(versioned) == 60

        freed = cleanup.run(target_bytes=20, trigger="test", now=timezone.now())

        assert freed.finished
        assert bytes_of_all_versions(versioned) == selectors.taken_in_all() == 20
        assert len(in_ledger()) == len(in_bucket(versioned)) == 2
        assert run("emergency_s3_cleanup", "auto", "--target-gb", "0")[0] == 0
        assert bytes_of_all_versions(versioned) == selectors.taken_in_all() == 0
        assert list(versioned.old_versions()) == []

    @pytest.mark.costly
    def test_a_version_that_comes_back_is_never_one_that_was_deleted(self, versioned, tenant, run):
        """A marker hides the deleted object as long as a version lies behind it."""
        stored(tenant)
        services.remove([key(tenant, "a.pdf")], now=timezone.now())
        survey.take(versioned, where(), now=timezone.now())

        run("emergency_s3_cleanup", "versions")

        assert in_bucket(versioned) == {}
        assert bytes_of_all_versions(versioned) == selectors.taken_in_all() == 0

    def test_the_only_good_copy_of_a_file_stays(self, versioned, tenant, run, capsys):
        """Somebody overwrote, shortened or deleted what posts show; what was stored is there yet."""
        for name in ("junk", "same size", "gone", "twice"):
            stored(tenant, name, body=b"original")
        client, bucket = versioned._client, versioned._bucket
        for name, junk in {"junk": b"x", "same size": b"ORIGINAL", "twice": b"xy"}.items():
            client.put_object(Bucket=bucket, Key=key(tenant, name), Body=junk)
        client.put_object(Bucket=bucket, Key=key(tenant, "twice"), Body=b"xyz")
        client.delete_object(Bucket=bucket, Key=key(tenant, "gone"))
        stored(tenant, "replaced", kind="crawl", body=b"old page")
        stored(tenant, "replaced", kind="crawl", body=b"new page")
        stored(tenant, "replaced", kind="crawl", body=b"new page")

        for part in (("versions",), ("auto", "--target-gb", "0")):
            _, report, _ = run("emergency_s3_cleanup", *part)
            assert report["kept_versions"] == 4
            left = Counter(old.key for old in versioned.old_versions() if not old.marker)
            assert left == {key(tenant, n): 1 for n in ("junk", "same size", "gone", "twice")}
        assert {old.size_bytes for old in versioned.old_versions() if not old.marker} == {8}

    @pytest.mark.costly
    def test_a_repair_restores_what_was_overwritten_or_deleted(self, versioned, tenant, run):
        for name in ("junk", "same size", "gone"):
            stored(tenant, name, body=b"original", age=9 * DAY)
        client, bucket = versioned._client, versioned._bucket
        client.put_object(Bucket=bucket, Key=key(tenant, "junk"), Body=b"x")
        client.put_object(Bucket=bucket, Key=key(tenant, "same size"), Body=b"ORIGINAL")
        client.delete_object(Bucket=bucket, Key=key(tenant, "gone"))
        survey.take(versioned, where(), now=timezone.now())

        code, found, _ = run("verify_storage", "--all")
        assert (code, found["unresolved"]) == (1, 3)
        assert "--repair restores" in found["warnings"][0]
        code, repaired, _ = run("verify_storage", "--repair", "--all")

        assert (code, repaired["repaired"]) == (0, {"restored": 3})
        for name in ("junk", "same size", "gone"):
            with versioned.open(key(tenant, name)) as file:
                assert file.read() == b"original"
        assert selectors.taken_in_all() == bytes_of_all_versions(versioned)
        assert run("verify_storage", "--all")[0] == 0

    def test_a_version_that_became_the_only_good_copy_since_the_plan_stays(self, versioned, tenant):
        for body in (b"original", b"replaced"):
            stored(tenant, body=body)
        now = timezone.now() + DAY
        survey.take(versioned, where(), now=now)
        rules = [cleanup.CleanupRule(cleanup.Step.VERSIONS, timedelta())]
        plan = cleanup.plan_overdue(rules=rules, now=now)
        assert (len(plan.candidates), plan.kept_count) == (1, 0)
        at = key(tenant, "a.pdf")
        versioned._client.put_object(Bucket=versioned._bucket, Key=at, Body=b"junk")

        done = cleanup.execute(plan, now=now)

        assert (done.deleted_count, done.skipped_count) == (0, 1)
        assert 8 in [old.size_bytes for old in versioned.old_versions()]

    def test_delete_markers_are_no_old_versions_and_go_when_alone(
        self, versioned, tenant, run, capsys
    ):
        stored(tenant)
        services.remove([key(tenant, "a.pdf")], now=timezone.now())
        for alone in ("media/alone", "backup/alone"):
            _leave_a_marker(versioned, alone)
        assert run("diag_s3", "server")[1]["old_versions"] == 1

        code, report, _ = run("emergency_s3_cleanup", "versions")

        assert code == 0
        assert {step: n["objects"] for step, n in report["planned"].items()} == {
            "versions": 1,
            "markers": 2,
        }
        assert [old.key for old in versioned.old_versions()] == ["backup/alone"]
        server = run("diag_s3", "server")[1]
        assert server["old_versions"] == 0
        assert not any("0 old versions" in text for text in server["warnings"])

    @pytest.mark.parametrize("part", [("versions",), ("auto", "--target-gb", "0")])
    def test_the_command_asks_the_server_whatever_the_last_survey_said(
        self, versioned, tenant, run, part
    ):
        stored(tenant)
        services.remove([key(tenant, "a.pdf")], now=timezone.now())
        survey.take(versioned, where(), now=timezone.now())
        BucketState.objects.update(versioning="", old_bytes=0, old_count=0)

        assert run("emergency_s3_cleanup", *part)[1]["planned"]["versions"]["objects"] == 1
        assert all(old.marker for old in versioned.old_versions())

    @pytest.mark.parametrize("part", [("versions",), ("auto", "--dry-run")])
    @pytest.mark.parametrize("kept", ["", "Enabled"])
    def test_an_outage_is_not_taken_for_an_empty_bucket(self, versioned, run, part, kept):
        survey.take(versioned, where(), now=timezone.now())
        BucketState.objects.update(versioning=kept)
        endpoint = versioned._client.meta.endpoint_url
        closed = S3Store(s3_settings("http://127.0.0.1:1"))
        no_bucket = S3Store(s3_settings(endpoint, bucket="no-such-bucket"))

        for store in (closed, no_bucket):
            with use(store):
                code, report, said = run("emergency_s3_cleanup", *part)
            assert (code, report["state"], report["detail"]) == (2, "failed", said)

    @pytest.mark.costly
    def test_files_of_another_application_keep_their_versions(self, versioned, tenant, run):
        for body in (b"one", b"two"):
            versioned._client.put_object(Bucket=versioned._bucket, Key="backup/a", Body=body)
        survey.take(versioned, where(), now=timezone.now())

        run("emergency_s3_cleanup", "auto", "--target-gb", "0")

        assert bytes_of_all_versions(versioned) == 6


class TestUncountedUploads:
    def test_uploads_that_nothing_reserves_count_and_are_told(self, s3, tenant, run):
        name = key(tenant, "half.mp4")
        made = s3._client.create_multipart_upload(Bucket=s3._bucket, Key=name)
        s3._client.upload_part(
            Bucket=s3._bucket, Key=name, UploadId=made["UploadId"], PartNumber=1, Body=b"x" * 9
        )
        with use(s3):
            _, report, _ = run("verify_storage", "--all")

            assert any("1 unfinished uploads hold 9 B" in text for text in report["warnings"])
            assert selectors.taken_in_all() == 9
            assert services.abort_uploads(before=timezone.now() + DAY) == 1
        assert selectors.taken_in_all() == 0

    def test_uploads_of_a_reservation_count_once(self, s3, tenant, reserve):
        reserve(20, "half.mp4")
        s3._client.create_multipart_upload(Bucket=s3._bucket, Key=key(tenant, "half.mp4"))

        with use(s3):
            survey.take(s3, where(), now=timezone.now())

        assert selectors.taken_in_all() == 20


COMMANDS = [
    ("diag_s3", "list"),
    ("diag_s3", "server"),
    ("diag_s3", "check-key", "media/t/a.jpg"),
    ("verify_storage", "--all"),
    ("sync_lifecycle",),
    ("emergency_s3_cleanup", "multipart"),
    ("emergency_s3_cleanup", "auto", "--target-gb", "0"),
]


class TestMessages:
    @pytest.fixture
    def refused(self, run, tenant, s3):
        """The command fails with exit code 2 and the same words in JSON and for people."""

        def check(store, command, *words):
            with use(s3):
                stored(tenant, kind="crawl", age=9 * DAY)
            with use(store):
                code, report, said = run(*command)
            assert code == 2
            for word in words:
                assert word in said
            assert report["state"] == "failed"
            assert report["detail"] == said
            assert StoredObject.objects.count() == 1

        return check

    def test_a_clock_that_is_off(self, odd, proxy, refused):
        for step in ("list", "head", "get", "put", "delete", "uploads", "versioning", "lifecycle"):
            proxy.fail(step, "403 RequestTimeTooSkewed")

        for command in COMMANDS:
            refused(odd, command, "20 minutes behind", "NTP")

    @pytest.mark.costly
    def test_a_certificate_of_an_unknown_authority(self, tls, refused):
        store = S3Store(s3_settings(tls))

        for command in COMMANDS:
            refused(store, command, "unknown authority", "S3_CA_BUNDLE")

    def test_tls_to_a_port_without(self, moto, refused):
        store = S3Store(s3_settings(moto.replace("http:", "https:")))

        for command in COMMANDS:
            refused(store, command, "no TLS", "S3_ENDPOINT_URL with http://")

    def test_a_key_file_in_place_of_certificates(self, tls, refused, tmp_path):
        """Found at start (test_config); where the file changed since, it is told as well."""
        settings = s3_settings(tls, ca_bundle=tmp_path / "stub" / "ca.pem")
        (tmp_path / "stub" / "ca.pem").write_text("-----BEGIN PRIVATE KEY-----\n")

        refused(S3Store(settings), COMMANDS[0], "S3_CA_BUNDLE", "key?")

    def test_a_trusted_authority_is_all_it_takes(self, tls, tmp_path):
        store = S3Store(s3_settings(tls, ca_bundle=tmp_path / "stub" / "ca.pem"))

        with pytest.raises(StoreUnavailable, match="no S3"):  # the answer is no listing
            list(store.list())

    def test_a_host_that_has_no_address(self, refused):
        store = S3Store(s3_settings("http://no-such-host.invalid:9000"))

        refused(store, COMMANDS[0], "S3_ENDPOINT_URL http://no-such-host.invalid", "DNS")

    def test_plain_http_to_a_port_with_tls(self, tls, refused):
        refused(
            S3Store(s3_settings(tls.replace("https:", "http:"))), COMMANDS[0], "S3_ENDPOINT_URL"
        )

    @pytest.mark.parametrize("code", ["QuotaExceeded", "InsufficientStorage"])
    def test_a_providers_quota_that_is_full_in_the_first_check(self, odd, proxy, refused, code):
        proxy.fail("put", f"507 {code}")

        refused(odd, COMMANDS[3], "no room", "S3_TOTAL_LIMIT_GB")

    @pytest.mark.parametrize("part", [("auto", "--target-gb", "0"), ("crawl",)], ids=" ".join)
    def test_deleting_denied(self, odd, proxy, refused, part):
        proxy.fail("delete", "403")

        refused(odd, ("emergency_s3_cleanup", *part), "no deleting", "S3_ACCESS_KEY_ID")

        assert not Reservation.objects.exists()

    def test_a_listing_that_is_cut_off(self, odd, proxy, refused, answering):
        proxy.fail("list", "cut")
        more = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
        endless = answering(more)

        for command in (COMMANDS[0], COMMANDS[1], COMMANDS[3]):
            refused(odd, command, "S3_ENDPOINT_URL")
            refused(endless, command, "broke its listing off", "S3_ENDPOINT_URL")

    @pytest.mark.sampled(3)
    @pytest.mark.parametrize(
        ("answer", "setting"),
        [
            ("400 AuthorizationHeaderMalformed", "S3_REGION"),
            ("301 PermanentRedirect", "S3_REGION"),
            ("403 InvalidAccessKeyId", "S3_ACCESS_KEY_ID"),
            ("403 SignatureDoesNotMatch", "S3_SECRET_ACCESS_KEY"),
            ("404 NoSuchBucket", "S3_BUCKET_NAME"),
            ("400 InvalidBucketName", "S3_BUCKET_NAME"),
        ],
    )
    def test_other_refusals_name_their_setting_too(self, odd, proxy, refused, answer, setting):
        proxy.fail("list", answer)

        refused(odd, COMMANDS[0], setting)

    @pytest.fixture
    def answering(self):
        """Stores whose server always gives this document."""
        servers = []

        def make(document):
            server = _serving(document.encode())
            servers.append(server)
            return S3Store(s3_settings(f"http://127.0.0.1:{server.server_port}"))

        yield make
        for server in servers:
            server.shutdown()
            server.server_close()

    @pytest.fixture
    def tls(self, tmp_path):
        """A server whose certificate only its own authority vouches for; it is no S3."""
        made = certificates.make(tmp_path / "stub")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.chain)
        server = _serving(b"<html>", context)
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()


def _serving(body, context=None):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


def export(folder: Path, count: int) -> Path:
    posts = []
    for number in range(1, count + 1):
        path = folder / "files" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number * 1000)
        posts.append(message(number, file=f"files/{number}.bin", text=f"post {number}"))
    return write(folder, chat(posts))


def take_in(folder):
    source = ExportSource(folder, zone=UTC)
    return imports.import_export(source=source, path=folder, tenant=tenants.default_tenant())


@pytest.mark.django_db(transaction=True)
class TestAFullProvider:
    @pytest.mark.parametrize("answer", ["507", "403 QuotaExceeded"])
    @pytest.mark.parametrize("batch", [10, 3])
    def test_room_for_half_of_a_batch_keeps_that_half(
        self, odd, proxy, s3, tmp_path, monkeypatch, answer, batch
    ):
        monkeypatch.setattr(batches, "BATCH_MESSAGES", batch)
        folder = export(tmp_path / "export", 10)
        proxy.fail("put", answer, after=5)

        with pytest.raises(StoreFull, match="no room"):
            take_in(folder)

        assert Post.objects.count() == len(in_ledger()) == 5
        assert in_ledger() == in_bucket(s3)
        assert not Reservation.objects.exists()
        proxy.heal()
        after = take_in(folder)
        assert (after.counts["unchanged"], after.counts["new"], after.clean) == (5, 5, True)
        assert in_ledger() == in_bucket(s3)

    def test_the_command_names_it_with_exit_code_2_and_keeps_the_half(
        self, odd, proxy, tmp_path, capsys
    ):
        proxy.fail("put", "507", after=2)

        with pytest.raises(CommandError, match="S3_TOTAL_LIMIT_GB") as refusal:
            call_command("import_export", str(export(tmp_path / "export", 4)), "--json")

        assert refusal.value.returncode == 2
        assert Post.objects.count() == 2
        [report] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert (report["state"], report["detail"]) == ("failed", str(refusal.value))
        assert (report["new"], report["media_stored"]) == (2, 2)

    @pytest.mark.parametrize("answer", ["503", "403 InvalidAccessKeyId", "404 NoSuchBucket"])
    def test_a_store_that_refuses_everything_leaves_one_json_value(
        self, odd, proxy, tmp_path, run, answer
    ):
        for step in ("list", "head", "get", "put"):
            proxy.fail(step, answer)

        code, report, said = run("import_export", str(export(tmp_path / "export", 4)))

        assert (code, report["state"], report["detail"], report["new"]) == (2, "failed", said, 0)


class TestMisconfigured:
    @pytest.mark.parametrize("command", [("diag_s3", "usage"), ("import_export", "/nowhere")])
    def test_what_djangos_checks_find_is_in_the_json(self, command, monkeypatch):
        def refuse(*_, **__):
            raise SystemCheckError("the policy is unusable")

        monkeypatch.setattr(BaseCommand, "check", refuse)
        out = io.StringIO()

        with pytest.raises(SystemCheckError) as refusal:
            call_command(*command, "--json", stdout=out, skip_checks=False)

        assert refusal.value.returncode == 2
        report = json.loads(out.getvalue())
        assert (report["state"], report["detail"]) == ("failed", "the policy is unusable")

    def test_what_the_settings_refuse_is_in_the_json(self):
        ended = run_python(
            "manage.py", "verify_storage", "--json", env=os.environ | {"S3_REGION": "no such"}
        )

        assert ended.returncode == 1
        report = json.loads(ended.stdout)
        assert report["state"] == "failed"
        assert "S3_REGION" in report["detail"]
        assert "S3_REGION" in ended.stderr
