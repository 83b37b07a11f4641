"""`verify_storage` and `diag_s3`, as an operator or a script runs them."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from storage_quota import keys, services
from storage_quota.models import IntegrityCheck, StoredObject
from storage_quota.object_store import use
from storage_quota.object_store.s3 import S3Store
from telegram_assistant.config import Limits
from tests.integrity_fixtures import NOTHING_LOST, document, medium, smuggle
from tests.s3_fixtures import s3_settings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "in_english")]


@pytest.fixture
def run(capsys):
    """Run a command; returns its exit code, stdout and stderr."""

    def call(*arguments):
        out, err = io.StringIO(), io.StringIO()
        code = 0
        try:
            call_command(*arguments, stdout=out, stderr=err)
        except SystemExit as end:
            code = end.code
        except CommandError as refusal:
            code = refusal.returncode
            err.write(str(refusal))
        return code, out.getvalue(), err.getvalue() + capsys.readouterr().err

    return call


@pytest.fixture
def old(monkeypatch):
    """Set the clock to some days later."""

    def pass_days(days=3):
        later = timezone.now() + timedelta(days=days)
        monkeypatch.setattr(timezone, "now", lambda: later)

    return pass_days


@pytest.fixture
def few_keys(tenant):
    return [medium(tenant, b"one"), medium(tenant, b"two!"), document(tenant, "a")]


class TestVerifyStorage:
    def test_a_clean_archive_exits_0(self, run, few_keys):
        code, out, _ = run("verify_storage", "--all")

        assert code == 0
        assert "Ledger and bucket agree." in out

    def test_json_is_one_object_on_stdout(self, run, few_keys):
        code, out, _ = run("verify_storage", "--sample", "50%", "--json")

        report = json.loads(out)
        assert code == 0
        assert (report["state"], report["complete"]) == ("clean", True)
        assert report["sample_percent"] == 50
        assert report["findings"] == NOTHING_LOST

    def test_problems_exit_1_and_repairing_them_exits_0(self, run, few_keys, store, old):
        store.delete(few_keys[0])
        smuggle(few_keys[1], b"another")
        old()

        code, out, err = run("verify_storage")
        assert code == 1
        assert "2 problems are not repaired: --repair does that." in out
        assert f"missing: {few_keys[0]}" in err

        assert run("verify_storage", "--dry-run")[0] == 1
        code, out, _ = run("verify_storage", "--repair", "--json")
        assert code == 0
        assert json.loads(out)["repaired"] == {"forgotten": 1, "damaged": 1}
        assert run("verify_storage")[0] == 0

    def test_a_dry_run_says_what_a_repair_would_do(self, run, few_keys, store, old):
        store.delete(few_keys[0])
        old()

        code, out, _ = run("verify_storage", "--repair", "--dry-run", "--json")

        report = json.loads(out)
        assert code == 1
        assert (report["dry_run"], report["would"]) == (True, {"forgotten": 1})
        assert StoredObject.objects.count() == 3

    def test_a_young_object_that_is_gone_is_missing(self, run, few_keys, store):
        run("verify_storage")
        store.delete(few_keys[0])

        code, out, err = run("verify_storage", "--all")

        assert code == 1
        assert f"missing: {few_keys[0]}" in err
        assert "agree" not in out

    def test_the_report_says_how_many_were_too_young(self, run, few_keys, tenant):
        smuggle(f"media/{tenant.pk}/ff/stray.png")

        code, out, _ = run("verify_storage", "--all", "--json")

        assert code == 0
        assert json.loads(out)["too_young"] == 1
        assert "too young to judge" in run("verify_storage", "--all")[1]

    def test_grace_and_share_are_options(self, run, few_keys, store, tenant):
        run("verify_storage")
        store.delete(few_keys[0])
        smuggle(f"media/{tenant.pk}/ff/stray.png")

        def repaired(*options):
            return json.loads(run("verify_storage", "--repair", "--json", *options)[1])["repaired"]

        assert repaired() == {}
        assert run("verify_storage", "--grace-hours", "0", "--max-missing-percent", "0%")[0] == 1
        assert repaired("--grace-hours", "0") == {"forgotten": 1, "quarantined": 1}

    def test_a_store_that_is_down_exits_2(self, run, few_keys, store):
        store.down = True

        code, out, err = run("verify_storage", "--json")

        assert code == 2
        assert json.loads(out)["error"] == "store_unavailable"
        assert "switched off" in err
        assert IntegrityCheck.objects.get().state == "failed"

    def test_a_strange_bucket_exits_2_until_it_is_claimed(self, run, few_keys):
        smuggle(keys.marker("5f0c9c14-0b4e-4dd8-9d1c-3fb1a4c4b8b5"), b"")

        code, out, err = run("verify_storage", "--json")
        assert code == 2
        assert json.loads(out)["error"] == "wrong_bucket"
        assert "--claim-bucket" in err

        assert run("verify_storage", "--claim-bucket")[0] == 0

    def test_a_refusal_to_repair_exits_2(self, run, tenant, store, old):
        stored = [medium(tenant, bytes([n])) for n in range(20)]
        run("verify_storage")
        for key in stored[:10]:
            store.delete(key)
        old()

        code, out, _ = run("verify_storage", "--repair", "--json")

        assert code == 2
        assert json.loads(out)["error"] == "too_much_missing"
        assert StoredObject.objects.count() == 20

    def test_an_unfinished_round_says_how_far_it_came_and_goes_on(self, run, few_keys, monkeypatch):
        checking = "storage_quota.integrity.compare_ledger_and_bucket"
        monkeypatch.setattr(f"{checking}._PAGE_PAIRS", 1)
        with monkeypatch.context() as short:
            short.setattr(f"{checking}.CheckOptions.is_over", True)
            first, out, _ = run("verify_storage", "--all", "--minutes", "0.1")
            second, json_out, _ = run("verify_storage", "--all", "--minutes", "0.1", "--json")
        third, at_last, _ = run("verify_storage", "--all", "--json")

        assert (first, second, third) == (3, 3, 0)
        assert f"compared 1 of 3 entries, up to {min(few_keys)}" in out
        figures = json.loads(json_out)
        assert (figures["state"], figures["complete"]) == ("unfinished", False)
        assert (figures["entries"], figures["entries_in_ledger"]) == (2, 3)
        assert json.loads(at_last)["check"] == figures["check"]
        assert json.loads(at_last)["entries"] == json.loads(at_last)["objects_read"] == 3

    @pytest.mark.parametrize(
        "options",
        [
            ["--sample", "101%"],
            ["--sample", "-1"],
            ["--sample", "much"],
            ["--minutes", "0"],
            ["--grace-hours", "nan"],
            ["--all", "--sample", "5%"],
        ],
    )
    def test_wrong_options_are_refused(self, run, options):
        with pytest.raises((CommandError, SystemExit)):
            call_command("verify_storage", *options)

    def test_the_details_are_cut_and_the_rest_is_in_the_console(
        self, run, tenant, old, monkeypatch
    ):
        monkeypatch.setattr("storage_quota.integrity.verify.FINDINGS_SHOWN", 2)
        monkeypatch.setattr("storage_quota.management.commands.verify_storage.FINDINGS_SHOWN", 2)
        for number in range(5):
            smuggle(f"media/{tenant.pk}/{number}")
        old()

        _, _, err = run("verify_storage")

        assert err.count("orphaned: media/") == 2
        assert "and 3 more" in err


class TestFact109DiagS3:
    """Every form of CONTRACT §15 parses and exits 0 on a healthy system."""

    @pytest.mark.parametrize(
        "form",
        ["quota --tenant-id {id}", "usage", "list --prefix media/ --limit 20", "check-key {key}"],
    )
    @pytest.mark.parametrize("json_too", [False, True])
    def test_fact_109_the_forms_of_the_contract(self, run, few_keys, tenant, form, json_too):
        words = form.format(id=tenant.pk, key=few_keys[0]).split()

        code, out, _ = run("diag_s3", *words, *(["--json"] if json_too else []))

        assert code == 0
        assert out
        if json_too:
            assert isinstance(json.loads(out), dict)

    def test_quota_shows_usage_threshold_and_status(self, run, tenant, limits):
        services.put_object(
            tenant=tenant,
            content_type="media",
            key=f"media/{tenant.pk}/a",
            body=b"x" * 60,
            mime="image/png",
            now=timezone.now(),
        )

        _, text, _ = run("diag_s3", "quota", "--tenant-id", str(tenant.pk))
        report = json.loads(run("diag_s3", "quota", "--tenant-id", "Alice", "--json")[1])

        for name in ("Total Usage", "Usage %", "Emergency Threshold", "Status"):
            assert name in text
        assert report["bucket"] == {
            "used_bytes": 60,
            "limit_bytes": 100,
            "percent": 60.0,
            "status": "green",
        }
        assert report["tenant"]["status"] == "yellow"
        assert report["by_type"]["media"]["status"] == "red"
        assert report["by_type"]["media"]["tenant_bytes"] == 60
        assert report["emergency_threshold_bytes"] == 90

    @pytest.mark.parametrize(
        ("used", "status"), [(74, "green"), (75, "yellow"), (89, "yellow"), (90, "red")]
    )
    def test_the_status_changes_at_75_and_90_percent(self, run, settings, tenant, used, status):
        settings.LIMITS = Limits(
            total_bytes=100,
            emergency_bytes=95,
            tenant_bytes=100,
            by_type=dict.fromkeys(("media", "vision", "crawl", "album"), 100),
        )
        services.put_object(
            tenant=tenant,
            content_type="media",
            key=f"media/{tenant.pk}/a",
            body=b"x" * used,
            mime="image/png",
            now=timezone.now(),
        )

        report = json.loads(run("diag_s3", "quota", "--tenant-id", str(tenant.pk), "--json")[1])

        assert report["bucket"]["status"] == status

    def test_an_unknown_tenant_is_named_with_those_there_are(self, run, tenant):
        code, out, err = run("diag_s3", "quota", "--tenant-id", "nobody")

        assert (code, out) == (1, "")
        assert "Alice" in err

    def test_usage_counts_objects_and_bytes_by_type(self, run, few_keys):
        _, text, _ = run("diag_s3", "usage")
        report = json.loads(run("diag_s3", "usage", "--json")[1])

        assert "in 3 objects" in text
        assert report["by_type"]["media"] == {"objects": 2, "bytes": 7}
        assert report["objects"] == 3

    def test_list_shows_at_most_so_many_and_says_if_there_are_more(self, run, few_keys):
        _, text, _ = run("diag_s3", "list", "--limit", "2")

        assert [line.split()[0] for line in text.splitlines()[1:3]] == sorted(few_keys)[:2]
        assert "Last Modified" in text
        assert "and more" in text
        assert "and more" not in run("diag_s3", "list", "--limit", "3")[1]
        assert "No object's key" in run("diag_s3", "list", "--prefix", "crawl/")[1]

    def test_check_key_tells_what_store_and_ledger_say(self, run, few_keys, store):
        _, text, _ = run("diag_s3", "check-key", few_keys[2])
        for name in ("Size (MB)", "Content Type", "Content Encoding", "Last Modified", "ETag"):
            assert name in text
        assert "gzip" in text
        assert "no damage known" in text

        StoredObject.objects.filter(pk=few_keys[0]).update(size_bytes=99)
        assert "differ here" in run("diag_s3", "check-key", few_keys[0])[1]

    def test_an_absent_key_exits_1_and_says_so(self, run, few_keys, store):
        store.delete(few_keys[0])

        code, text, _ = run("diag_s3", "check-key", few_keys[0])
        _, out, _ = run("diag_s3", "check-key", few_keys[0], "--json")

        assert code == 1
        assert "no such object" in text
        assert "verify_storage" in text
        assert json.loads(out)["found"] is False
        assert json.loads(out)["books"]["size_bytes"] == 3

    def test_what_is_no_key_is_refused_without_a_traceback(self, run):
        code, _, err = run("diag_s3", "check-key", "../secret")

        assert code == 1
        assert "not a key" in err

    @pytest.mark.parametrize("form", ["list", "check-key media/a"])
    def test_a_store_that_does_not_answer_exits_2(self, run, form):
        with use(S3Store(s3_settings("http://127.0.0.1:9"))):
            code, out, err = run("diag_s3", *form.split())

        assert (code, out) == (2, "")
        assert "does not answer" in err

    @pytest.mark.parametrize("form", ["list", "check-key media/a"])
    def test_s3_is_asked_too(self, run, s3, form):
        with use(s3):
            assert run("diag_s3", *form.split())[0] in {0, 1}
