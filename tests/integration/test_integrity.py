"""Differences that a check finds, on each of the three stores."""

import time
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Tenant
from storage_quota import keys, selectors, services
from storage_quota.integrity import compare_ledger_and_bucket as checking
from storage_quota.integrity import health, marker, repair
from storage_quota.integrity.comparison import merge_join
from storage_quota.integrity.errors import ListingUnordered, MarkerMissing, WrongBucket
from storage_quota.models import (
    DifferenceKind,
    Installation,
    IntegrityCheck,
    IntegrityFinding,
    Orphan,
    Reservation,
    StoredObject,
    TenantUsage,
)
from storage_quota.object_store import StoreUnavailable, use
from storage_quota.object_store.files import FileStore
from storage_quota.object_store.memory import MemoryStore
from telegram_assistant.config import Limits
from tests.integrity_fixtures import found, medium, objects, smuggle

pytestmark = pytest.mark.django_db


@pytest.mark.sampled(1)
@pytest.mark.usefixtures("any_store")
class TestOnEveryStore:
    def test_an_archive_in_order_is_clean(self, checked, stored_keys):
        report = checked(percent=100)

        assert report.clean
        assert report.complete
        assert found(report) == {}
        assert (report.check.entries, report.check.objects_listed) == (6, 6)
        assert report.check.objects_read == 6
        assert report.check.bytes_read == sum(objects().values())

    def test_an_empty_archive_is_clean(self, checked, tenant):
        assert checked(percent=100).clean

    def test_a_deleted_object_is_missing(self, any_store, checked, stored_keys):
        any_store.delete(stored_keys[2])

        report = checked()

        assert found(report) == {"missing": 1}
        assert [one.key for one in report.details] == [stored_keys[2]]

    def test_an_object_nobody_entered_is_orphaned_and_counts(self, checked, stored_keys, tenant):
        before = selectors.bucket_usage().taken_bytes
        smuggle(f"media/{tenant.pk}/ff/stray.png", b"12345")

        report = checked()

        assert found(report) == {"orphaned": 1}
        assert selectors.bucket_usage().orphaned_bytes == 5
        usage = selectors.taken(tenant_id=tenant.pk, content_type="media")
        assert usage.bucket == before + 5
        assert usage.tenant == before

    def test_an_object_of_another_length_has_the_wrong_size(self, checked, stored_keys):
        smuggle(stored_keys[0], b"something else entirely")

        assert found(checked()) == {"wrong_size": 1}

    def test_changed_bytes_are_found_by_reading(self, any_store, checked, stored_keys):
        with any_store.open(stored_keys[3], raw=True) as file:
            body = bytearray(file.read())
        body[3] ^= 1
        smuggle(stored_keys[3], bytes(body))

        unread, read = checked(percent=0), checked(percent=100)

        assert found(unread) == {}
        assert found(read) == {"wrong_hash": 1}

    def test_objects_at_both_ends_and_in_between_are_told_apart(
        self, any_store, checked, stored_keys
    ):
        any_store.delete(stored_keys[0])
        any_store.delete(stored_keys[-1])
        first, last = smuggle("aaa.bin"), smuggle("zzz/ы.bin")

        report = checked()

        assert {(one.kind, one.key) for one in report.details} == {
            ("missing", stored_keys[0]),
            ("missing", stored_keys[-1]),
            ("orphaned", first),
            ("orphaned", last),
        }

    def test_what_the_ledger_holds_is_missed_however_young_it_is(
        self, any_store, checked, stored_keys, tenant
    ):
        smuggle(f"media/{tenant.pk}/ff/stray.png")
        any_store.delete(stored_keys[0])
        smuggle(stored_keys[1], b"other")
        with any_store.open(stored_keys[2], raw=True) as file:
            body = bytearray(file.read())
        body[0] ^= 1
        smuggle(stored_keys[2], bytes(body))

        young = checked(now=timezone.now(), percent=100)

        assert found(young) == {"missing": 1, "wrong_size": 1, "wrong_hash": 1}
        assert not young.clean
        assert young.check.too_young == 1  # the stranger may be an upload on its way
        old = checked(percent=100)
        assert found(old) == {"missing": 1, "wrong_size": 1, "wrong_hash": 1, "orphaned": 1}
        assert old.check.too_young == 0

    @pytest.mark.costly
    def test_young_objects_are_reported_and_not_repaired(self, any_store, checked, stored_keys):
        any_store.delete(stored_keys[0])
        smuggle(stored_keys[1], b"other")

        report = checked(now=timezone.now(), repair=True)

        assert (report.repairs.remaining, report.unresolved) == (2, 2)
        assert StoredObject.objects.count() == len(stored_keys)

    def test_what_is_on_its_way_is_no_orphan(self, any_store, checked, stored_keys, reserve, later):
        reservation = reserve(7, "new", now=later)
        any_store.put(reservation, b"x" * 7, mime="image/png")
        again = services.reserve(
            tenant=reservation.tenant,
            content_type="media",
            key=stored_keys[-1].replace("vision", "media"),
            size_bytes=20,
            now=later,
        )
        any_store.put(again, b"x" * 20, mime="image/png")

        report = checked()

        assert found(report) == {}
        assert not Orphan.objects.exists()

    @pytest.mark.costly
    def test_a_round_goes_on_where_it_was_stopped(
        self, any_store, checked, stored_keys, monkeypatch
    ):
        monkeypatch.setattr(checking, "_PAGE_PAIRS", 2)
        any_store.delete(stored_keys[0])
        any_store.delete(stored_keys[5])
        over = time.monotonic() - 1

        reports = [checked(percent=100, until=over) for _ in range(4)]

        assert [report.check.entries for report in reports[:3]] == [2, 4, 6]
        assert [report.complete for report in reports] == [False, False, False, True]
        assert [report.state for report in reports] == ["unfinished"] * 3 + ["problems"]
        assert found(reports[0]) == {"missing": 1}
        assert found(reports[3]) == {"missing": 2}
        assert IntegrityCheck.objects.count() == 1

    @pytest.mark.costly
    def test_a_bucket_is_marked_as_ours_at_the_first_check(self, any_store, checked, stored_keys):
        assert checked().clean

        assert any_store.head(keys.marker(Installation.objects.get().pk)).size_bytes == 0
        assert checked().clean

    def test_the_bucket_of_another_installation_is_not_compared(
        self, any_store, checked, stored_keys
    ):
        stranger = "5f0c9c14-0b4e-4dd8-9d1c-3fb1a4c4b8b5"
        smuggle(keys.marker(stranger), b"")

        with pytest.raises(WrongBucket, match=stranger):
            checked()

        check = IntegrityCheck.objects.get()
        assert (check.state, check.finished_at) == ("failed", None)
        assert stranger in check.reason

    def test_two_installations_in_one_bucket_are_an_error(self, checked, stored_keys):
        checked()
        smuggle(keys.marker("5f0c9c14-0b4e-4dd8-9d1c-3fb1a4c4b8b5"), b"")

        with pytest.raises(WrongBucket):
            checked()

    def test_an_empty_bucket_is_not_an_archive_that_lost_everything(
        self, any_store, checked, stored_keys
    ):
        for key in list(objects()):
            any_store.delete(key)

        with pytest.raises(MarkerMissing, match="Hardly any object"):
            checked()

        assert not IntegrityFinding.objects.exists()

    def test_a_marker_that_disappeared_stops_the_check(self, any_store, checked, stored_keys):
        checked()
        any_store.delete(keys.marker(Installation.objects.get().pk))

        with pytest.raises(MarkerMissing, match="not mounted"):
            checked()

        assert checked(claim=True).clean

    def test_claiming_a_bucket_takes_the_markers_of_others_away(
        self, any_store, checked, stored_keys
    ):
        stranger = smuggle(keys.marker("5f0c9c14-0b4e-4dd8-9d1c-3fb1a4c4b8b5"), b"")

        assert checked(claim=True).clean

        assert any_store.head(stranger) is None


@pytest.mark.usefixtures("store")
class TestTheLedgerItself:
    def test_a_wrong_sum_is_found(self, checked, stored_keys):
        usage = TenantUsage.objects.get(content_type="media")
        TenantUsage.objects.filter(pk=usage.pk).update(total_bytes=usage.total_bytes + 7)

        report = checked()

        assert found(report) == {"usage_drift": 1}
        assert report.details[0].expected == f"{usage.total_bytes + 7} B in 4"
        assert report.details[0].found == f"{usage.total_bytes} B in 4"

    def test_a_wrong_count_and_an_absent_sum_are_found(self, checked, stored_keys):
        TenantUsage.objects.filter(content_type="media").update(objects_count=5)
        TenantUsage.objects.filter(content_type="vision").delete()

        assert found(checked()) == {"usage_drift": 2}

    def test_a_reservation_that_expired_long_ago_has_leaked(self, checked, reserve, later):
        reserve(5, "old", now=later - timedelta(days=2))
        reserve(5, "fresh", now=later - timedelta(hours=3))

        report = checked()

        assert found(report) == {"leaked_reservation": 1}
        assert report.details[0].key.endswith("/old")

    def test_the_database_keeps_one_unfinished_round(self, checked, stored_keys, later):
        checked(until=time.monotonic() - 1)
        checked(until=time.monotonic() - 1, percent=50)

        assert IntegrityCheck.objects.filter(finished_at=None).count() == 1
        assert IntegrityCheck.objects.get().sample_percent == 50

    def test_rounds_read_the_whole_archive_in_turn(self, checked):
        # Quarters go by the hashes of keys: with an id of its own the counts are always the same.
        owner = Tenant.objects.create(pk=UUID(int=1), name="Owner")
        for number in range(40):
            medium(owner, f"picture {number}".encode())

        read = [checked(percent=25).check.objects_read for _ in range(4)]

        assert sum(read) == 40
        assert all(4 <= count <= 18 for count in read)

    def test_old_rounds_are_forgotten(self, checked, stored_keys, monkeypatch):
        monkeypatch.setattr("storage_quota.integrity.check_runs.KEPT", 2)

        rounds = [checked().check.pk for _ in range(4)]

        assert (
            list(IntegrityCheck.objects.order_by("pk").values_list("pk", flat=True)) == rounds[2:]
        )

    def test_an_orphan_that_went_away_no_longer_counts(
        self, checked, store, stored_keys, tenant, later
    ):
        stray = smuggle(f"media/{tenant.pk}/ff/stray.png")
        checked()
        store.delete(stray)

        assert checked(now=later + timedelta(days=1)).clean
        assert not Orphan.objects.exists()

    def test_storing_an_orphan_properly_enters_it_and_uncounts_it(
        self, checked, stored_keys, tenant
    ):
        stray = f"media/{tenant.pk}/ff/stray.png"
        smuggle(stray, b"12345")
        checked()

        services.put_object(
            tenant=tenant,
            content_type="media",
            key=stray,
            body=b"123",
            mime="image/png",
            now=timezone.now(),
        )

        assert not Orphan.objects.exists()
        assert checked().clean

    def test_a_failed_put_over_an_orphan_uncounts_it(self, checked, reserve, tenant):
        reservation = reserve(9, "stray")
        smuggle(reservation.key, b"12345")
        Orphan.objects.create(
            key=reservation.key,
            size_bytes=5,
            modified_at=reservation.created_at,
            found_at=reservation.created_at,
            seen_at=reservation.created_at,
        )

        services.release(reservation)

        assert objects() == {}
        assert not Orphan.objects.exists()

    def test_orphans_fill_the_bucket(self, settings, checked, tenant):
        smuggle(f"media/{tenant.pk}/ff/stray.png", b"x" * 1000)
        checked()
        settings.LIMITS = Limits(
            total_bytes=1004,
            emergency_bytes=900,
            tenant_bytes=800,
            by_type={"media": 700, "vision": 1, "crawl": 1, "album": 1},
        )

        with pytest.raises(services.QuotaExceeded, match="bucket_full: 5 B > 4 B"):
            services.reserve(
                tenant=tenant,
                content_type="media",
                key=f"media/{tenant.pk}/a",
                size_bytes=5,
                now=timezone.now(),
            )

    def test_a_dry_run_counts_nothing(self, checked, stored_keys, tenant):
        smuggle(f"media/{tenant.pk}/ff/stray.png")

        report = checked(dry_run=True)

        assert report.would == {"quarantined": 1}
        assert not Orphan.objects.exists()


class TestBetweenTheTwoLooks:
    """What changes while the check looks is no difference, and is not judged."""

    @pytest.fixture
    def during_head(self, store, stored_keys, checked, monkeypatch):
        """Does something just before the store is asked about a key for the second time."""
        checked()  # marks the bucket: the first check asks about some keys for that

        def _(key, action):
            whole = MemoryStore.head

            def head(self, asked):
                if asked == key:
                    monkeypatch.setattr(MemoryStore, "head", whole)
                    action()
                return whole(self, asked)

            monkeypatch.setattr(MemoryStore, "head", head)

        return _

    def test_a_deletion_is_no_loss(self, store, checked, stored_keys, during_head):
        gone = stored_keys[0]
        with store.open(gone, raw=True) as file:
            body = file.read()
        store.delete(gone)  # as if the listing had been read after the deletion

        def remove():
            smuggle(gone, body)
            services.remove([gone], now=timezone.now())

        during_head(gone, remove)

        report = checked()

        assert found(report) == {}
        assert report.check.too_young == 1

    def test_a_replacement_is_no_damage(self, store, checked, stored_keys, tenant, during_head):
        key = next(key for key in stored_keys if key.startswith("vision"))
        smuggle(key, b"half of it")

        def replace():
            services.put_object(
                tenant=tenant,
                content_type="vision",
                key=key,
                body=b"something quite new" * 5,
                mime="application/json",
                now=timezone.now(),
            )

        during_head(key, replace)

        report = checked()

        assert found(report) == {}
        assert report.check.too_young == 1


def test_a_store_that_is_away_is_not_an_empty_one(store, checked, stored_keys):
    store.down = True

    with pytest.raises(StoreUnavailable):
        checked()

    assert IntegrityCheck.objects.get().state == "failed"
    store.down = False
    assert checked().clean


def test_a_store_that_fails_half_way_is_asked_again_from_there(
    store, checked, stored_keys, monkeypatch
):
    monkeypatch.setattr(checking, "_PAGE_PAIRS", 2)
    whole = MemoryStore.list

    def torn(self, prefix="", *, after=""):
        for number, info in enumerate(whole(self, prefix, after=after)):
            if number == 3 and not prefix:
                raise StoreUnavailable("HTTP 500")
            yield info

    monkeypatch.setattr(MemoryStore, "list", torn)
    with pytest.raises(StoreUnavailable):
        checked(percent=100)
    monkeypatch.undo()

    report = checked()

    assert report.clean
    assert report.check.entries == 6
    assert report.check.objects_read == 6


@pytest.mark.parametrize("remake", [False, True])
def test_a_dead_mount_is_not_an_archive_that_lost_everything(tmp_path, checked, tenant, remake):
    root = tmp_path / "bucket"
    root.mkdir()
    with use(FileStore(root)):
        medium(tenant, b"picture")
        checked()
        root.rename(tmp_path / "elsewhere")
        if remake:
            root.mkdir()

        with pytest.raises((MarkerMissing, StoreUnavailable)):
            checked()

    assert not IntegrityFinding.objects.exists()


def test_an_unreadable_file_has_the_wrong_content(files, checked, tenant, monkeypatch):
    key = medium(tenant, b"picture")

    class BadSector:
        def __init__(self, *args):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *args):
            return None

        def read(self, size):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(files, "open", lambda key, *, raw: BadSector(), raising=False)

    report = checked(percent=100)

    assert found(report) == {"wrong_hash": 1}
    assert report.details[0].key == key
    assert report.details[0].found == "unreadable: Input/output error"


def test_names_only_a_stranger_could_choose_are_told_and_left(files, checked, stored_keys):
    (files.root / "media").joinpath(b"\xff\xfe.bin".decode("utf-8", "surrogateescape")).touch()
    (files.root / "new\nline").write_bytes(b"12")

    report = checked(repair=True)

    assert found(report) == {"orphaned": 2}
    assert report.unresolved == 2
    assert {one.key for one in report.details} == {"media/\\udcff\\udcfe.bin", "new\\nline"}
    assert selectors.bucket_usage().orphaned_bytes == 2


def rounds(checked, *, of: int) -> list:
    """Runs that stop after a page each, until the check is complete or `of` of them were made."""
    reports = []
    while len(reports) < of and not (reports and reports[-1].complete):
        reports.append(checked(percent=100, until=time.monotonic() - 1))
    return reports


def test_a_round_goes_on_behind_pages_of_names_only_a_stranger_could_choose(
    files, checked, stored_keys, monkeypatch
):
    monkeypatch.setattr(checking, "_PAGE_PAIRS", 2)
    files.delete(stored_keys[5])
    strange = [
        b"a\nb",
        b"a\\b",
        b"media/\xff\x01",
        b"media/\xff\x02",
        b"media/\xff\x03/c",
        b"~\xff",
    ]
    for name in strange:
        path = files.root / name.decode("utf-8", "surrogateescape")
        path.parent.mkdir(exist_ok=True)
        path.touch()

    reports = rounds(checked, of=9)

    cursors = [report.check.cursor for report in reports]
    assert reports[-1].complete, cursors
    assert len(set(cursors)) == 6  # 12 keys, 2 a page; the last round finds nothing more
    assert found(reports[-1]) == {"missing": 1, "orphaned": 6}
    assert reports[-1].check.objects_listed == 5 + 6
    assert all(cursor.isprintable() for cursor in cursors)


@pytest.mark.costly
def test_a_round_goes_on_behind_a_page_of_empty_folder_names_in_s3(
    s3, checked, tenant, monkeypatch
):
    monkeypatch.setattr(checking, "_PAGE_PAIRS", 2)
    bucket = {"Bucket": s3._bucket}
    names = ("m//1", "m//2", "m//3", "m/../4", "m\\5")
    with use(s3):
        medium(tenant, b"picture")
        for name in names:
            s3._client.put_object(**bucket, Key=name, Body=b"x")

        reports = rounds(checked, of=9)
    for name in names:  # the fixture that empties the bucket cannot name them
        s3._client.delete_object(**bucket, Key=name)

    assert reports[-1].complete
    assert found(reports[-1])["orphaned"] == 5


def test_a_listing_out_of_order_is_refused():
    class Info:
        def __init__(self, key):
            self.key, self.size_bytes = key, 1

    infos = [Info("media/b"), Info("media/a")]

    with pytest.raises(ListingUnordered):
        list(merge_join.bucket_objects(infos))


def test_folders_that_browsers_of_s3_leave_behind_are_no_objects(s3, checked, tenant):
    with use(s3):
        s3._client.put_object(Bucket=s3._bucket, Key="media/", Body=b"")
        try:
            report = checked()
        finally:
            s3._client.delete_object(Bucket=s3._bucket, Key="media/")

    assert report.clean


def test_the_ledger_is_read_in_the_order_of_bytes_by_its_index(tenant, now):
    names = ["Z", "a", "ä", "ы", "_", "a b", "a-", "A"]
    for name in names:
        StoredObject.objects.create(
            key=f"media/{tenant.pk}/{name}",
            tenant=tenant,
            content_type="media",
            size_bytes=1,
            mime="image/png",
            created_at=now,
            updated_at=now,
        )

    read = [line.key for line in merge_join.ledger_entries(after="")]

    assert read == sorted(read, key=str.encode)
    assert len(read) == len(names)
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_sort = off")
        cursor.execute(
            "EXPLAIN SELECT key FROM storage_quota_storedobject"
            " WHERE key ~>~ 'b' ORDER BY key USING ~<~ LIMIT 9"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan; RESET enable_sort")
    assert "Sort" not in plan
    assert "Index" in plan


class TestHealth:
    def test_before_the_first_check_nothing_is_alarming(self, store, later):
        assert health.health(now=later).condition == "never"
        assert not health.health(now=later).is_alarming

    def test_a_clean_check_is_sound_for_two_weeks(self, store, checked, stored_keys, later):
        checked()

        assert health.health(now=later).condition == "sound"
        assert health.health(now=later + timedelta(days=15)).condition == "stale"
        assert health.health(now=later + timedelta(days=15)).is_alarming

    def test_an_archive_that_was_never_checked_alarms_after_two_weeks(
        self, store, stored_keys, later
    ):
        assert health.health(now=later + timedelta(days=15)).condition == "stale"

    def test_problems_alarm_until_they_are_repaired(self, store, checked, stored_keys, later):
        store.delete(stored_keys[0])

        checked()
        assert health.health(now=later).condition == "problems"
        assert health.health(now=later).problems == 1
        checked(repair=True)
        assert health.health(now=later).condition == "sound"

    def test_a_check_that_could_not_be_done_alarms(self, store, checked, stored_keys, later):
        checked()
        store.down = True
        with pytest.raises(StoreUnavailable):
            checked()

        assert health.health(now=later).condition == "failed"

    def test_a_check_is_due_after_a_week_or_while_it_is_unfinished(
        self, store, checked, stored_keys, later
    ):
        assert health.is_due(now=later)
        checked(until=time.monotonic() - 1)
        assert health.is_due(now=later)
        checked()
        assert not health.is_due(now=later + timedelta(days=6))
        assert health.is_due(now=later + timedelta(days=8))


def test_the_marker_tells_whether_it_is_our_bucket_that_answers(store, checked, stored_keys):
    checked()

    assert marker.still_there(store)
    assert not marker.still_there(MemoryStore())


def test_every_kind_of_difference_can_be_repaired():
    assert set(repair._REPAIRS) == set(DifferenceKind)
    # What comes of an orphan depends on what it is.
    assert {*repair._USUAL_OUTCOMES, DifferenceKind.ORPHANED} == set(DifferenceKind)


def test_reservations_do_not_hide_from_the_listing_what_they_do_not_name(
    store, checked, stored_keys, reserve, tenant, later
):
    reserve(5, "other", now=later)
    smuggle(f"media/{tenant.pk}/ff/stray.png")

    assert found(checked()) == {"orphaned": 1}
    assert Reservation.objects.count() == 1
