"""Repairs: what they do about differences, and what they refuse to do."""

import json
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, Tenant
from storage_quota import keys, ledger, selectors, services, tasks
from storage_quota.hooks import Loss
from storage_quota.integrity import repair
from storage_quota.integrity.errors import MarkerMissing, TooMuchMissing
from storage_quota.integrity.orphans import adoption, quarantine
from storage_quota.models import (
    Installation,
    IntegrityCheck,
    IntegrityFinding,
    Orphan,
    Reservation,
    StoredObject,
    TenantUsage,
)
from storage_quota.object_store import StoreUnavailable, get_store
from telegram_assistant.config import Limits
from tests import factories as make
from tests.integrity_fixtures import (
    found,
    ledger_matches_the_bucket,
    medium,
    objects,
    smuggle,
)
from tests.storage_fixtures import in_ledger, used

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def heard(monkeypatch):
    """Losses of which the rooms above are notified."""
    losses = []
    monkeypatch.setattr(repair, "notify", losses.append)
    return losses


@pytest.fixture
def stray(tenant):
    return smuggle(f"media/{tenant.pk}/ff/stray.png", b"12345")


def damage(store, key):
    with store.open(key, raw=True) as file:
        body = bytearray(file.read())
    body[2] ^= 255
    smuggle(key, bytes(body))


@pytest.mark.sampled(1)
@pytest.mark.usefixtures("any_store")
class TestOnEveryStore:
    def test_what_is_missing_leaves_the_ledger(self, any_store, checked, stored_keys, heard):
        any_store.delete(stored_keys[1])

        report = checked(repair=True)

        assert report.repairs.outcomes == {"forgotten": 1}
        assert report.clean
        assert ledger_matches_the_bucket()
        assert used() == sum(objects().values())
        assert heard == [Loss("media", [stored_keys[1]])]
        assert found(checked()) == {}

    @pytest.mark.costly
    def test_a_damaged_object_is_marked_and_its_entries_are_corrected(
        self, any_store, checked, stored_keys, heard
    ):
        damage(any_store, stored_keys[2])
        smuggle(stored_keys[3], b"another length")

        report = checked(percent=100, repair=True)

        assert report.repairs.outcomes == {"damaged": 2}
        assert ledger_matches_the_bucket()
        assert used() == sum(objects().values())
        assert sorted(loss.keys for loss in heard) == [[stored_keys[2]], [stored_keys[3]]]
        again = checked(percent=100)
        assert found(again) == {}
        assert again.pending["damaged_objects"] == 2

    @pytest.mark.costly
    def test_a_damaged_object_is_mended_by_storing_it_again(
        self, any_store, checked, stored_keys, tenant
    ):
        damage(any_store, next(key for key in stored_keys if key.startswith("media/")))
        checked(percent=100, repair=True)
        assert len(selectors.in_good_order(stored_keys)) == 5

        for number in range(4):
            medium(tenant, f"picture {number}".encode())

        assert selectors.in_good_order(stored_keys) == set(stored_keys)
        assert checked(percent=100).clean

    def test_a_wrong_size_of_an_intact_object_is_only_corrected(
        self, any_store, checked, stored_keys, heard
    ):
        StoredObject.objects.filter(pk=stored_keys[1]).update(size_bytes=99)

        report = checked(repair=True)

        assert report.repairs.outcomes == {"corrected": 2}  # the sum was wrong with it
        assert not StoredObject.objects.get(pk=stored_keys[1]).damaged_at
        assert used() == sum(objects().values())
        assert heard == []

    def test_an_orphan_goes_through_quarantine(self, any_store, checked, stored_keys, stray, later):
        report = checked(repair=True)

        assert report.repairs.outcomes == {"quarantined": 1}
        assert report.clean
        assert stray in objects()
        assert checked(now=later + timedelta(hours=23), repair=True).repairs.purged == 0
        assert found(checked()) == {}
        assert checked(now=later + DAY, repair=True).repairs.purged == 1
        assert ledger_matches_the_bucket()
        assert not Orphan.objects.exists()
        assert not Reservation.objects.exists()

    @pytest.mark.costly
    def test_a_paid_analysis_that_a_restored_database_does_not_know_is_entered_and_found_again(
        self, any_store, checked, stored_keys, tenant, later
    ):
        key = keys.vision(
            tenant_id=tenant.pk, sha256="f" * 64, provider="gigachat", model="M", schema="1.0"
        )
        smuggle(key, b'{"paid": true}')

        report = checked(repair=True)

        assert report.repairs.outcomes == {"adopted": 1}
        assert report.clean
        assert StoredObject.objects.filter(key=key).exists()
        assert checked(now=later + 2 * DAY, repair=True).repairs.purged == 0
        assert key in objects()
        assert ledger_matches_the_bucket()
        assert not AuditEntry.objects.filter(event="orphan.adopted").exists()

    def test_an_analysis_for_which_there_is_no_room_is_kept(
        self, any_store, checked, stored_keys, tenant, later, settings
    ):
        key = f"vision/{tenant.pk}/{'f' * 64}_gigachat_M_v1.0.json"
        smuggle(key, b"x" * 50)
        settings.LIMITS = replace(settings.LIMITS, by_type={"vision": 1})

        report = checked(repair=True)

        assert (dict(report.repairs.outcomes), report.repairs.remaining) == ({}, 1)
        assert checked(now=later + 2 * DAY, repair=True).repairs.purged == 0
        assert key in objects()

    @pytest.mark.costly
    def test_one_that_a_former_release_put_into_quarantine_comes_out(
        self, any_store, checked, stored_keys, tenant, later
    ):
        key = f"vision/{tenant.pk}/{'f' * 64}_gigachat_M_v1.0.json"
        smuggle(key, b"{}")
        checked()
        Orphan.objects.update(delete_after=later - DAY)

        assert checked(repair=True).repairs.purged == 0
        assert checked(now=later + DAY, repair=True).repairs.outcomes == {"adopted": 1}
        assert key in objects()

    def test_everything_at_once_is_clean_afterwards(
        self, any_store, checked, stored_keys, stray, reserve, later
    ):
        any_store.delete(stored_keys[0])
        damage(any_store, stored_keys[1])
        smuggle(stored_keys[2], b"another length")
        TenantUsage.objects.filter(content_type="vision").update(total_bytes=1)
        reserve(5, "leaked", now=later - 2 * DAY)

        report = checked(percent=100, repair=True)

        assert found(report) == {
            "missing": 1,
            "orphaned": 1,
            "wrong_size": 1,
            "wrong_hash": 1,
            "usage_drift": 1,
            "leaked_reservation": 1,
        }
        assert report.clean
        assert not Reservation.objects.exists()
        assert found(checked(percent=100)) == {}

    def test_an_orphan_is_taken_into_the_ledger(
        self, any_store, checked, stored_keys, tenant, later
    ):
        body = b"the last copy"
        entry = StoredObject.objects.get(pk=medium(tenant, body))
        picture = make.media_object(owner=tenant, body=body)
        post = make.post(of=make.channel(owner=tenant), media=[picture], media_state="missing")
        ledger.remove([entry.key], now=later)
        checked(repair=True)

        adopted = adoption.adopt(any_store, entry.key, now=later)

        assert (adopted.size_bytes, adopted.sha256) == (len(body), entry.sha256)
        post.refresh_from_db()
        assert post.media_state == "stored"
        assert ledger_matches_the_bucket()
        assert used() == sum(objects().values())
        assert checked(now=later + 2 * DAY, repair=True).repairs.purged == 0
        assert ledger_matches_the_bucket()


@pytest.mark.usefixtures("store")
class TestLookingAgain:
    """Repairs of differences that changed between the check and the repair."""

    @pytest.fixture
    def plant(self, checked, later):
        """Run a check without a repair."""

        def make():
            return checked(percent=100).check

        return make

    def run(self, store, check, now):
        return repair.run(store, check, options=repair.CheckOptions(now=now))

    def test_what_came_back_stays_in_the_ledger(self, store, plant, stored_keys, tenant, later):
        with store.open(stored_keys[1], raw=True) as file:
            body = file.read()
        store.delete(stored_keys[1])
        check = plant()
        smuggle(stored_keys[1], body)

        repairs = self.run(store, check, later)

        assert repairs.outcomes == {"right": 1}
        assert stored_keys[1] in in_ledger()

    def test_what_is_being_stored_again_is_left_alone(
        self, store, plant, stored_keys, later, tenant
    ):
        kind = stored_keys[1].split("/")[0]
        store.delete(stored_keys[1])
        check = plant()
        reservation = services.reserve(
            tenant=tenant, content_type=kind, key=stored_keys[1], size_bytes=9, now=later
        )

        repairs = self.run(store, check, later)

        assert (repairs.outcomes, repairs.remaining) == ({}, 1)
        store.put(reservation, b"picture x", mime="image/png")
        services.settle(reservation, now=later)
        assert ledger_matches_the_bucket()

    def test_an_entry_written_meanwhile_is_not_touched(
        self, store, plant, stored_keys, later, monkeypatch, heard
    ):
        store.delete(stored_keys[1])
        check = plant()
        still_there = repair.marker.still_there

        def meanwhile(asked):
            StoredObject.objects.filter(pk=stored_keys[1]).update(sha256="0" * 64)
            return still_there(asked)

        monkeypatch.setattr(repair.marker, "still_there", meanwhile)

        repairs = self.run(store, check, later)

        assert (repairs.outcomes, repairs.remaining) == ({}, 1)
        assert stored_keys[1] in in_ledger()

    def test_a_bucket_that_dies_during_the_repair_loses_nothing(
        self, store, plant, stored_keys, later
    ):
        store.delete(stored_keys[1])
        check = plant()
        store.delete(keys.marker(Installation.objects.get().pk))

        with pytest.raises(MarkerMissing):
            self.run(store, check, later)

        assert stored_keys[1] in in_ledger()

    def test_an_orphan_somebody_is_storing_is_not_quarantined(
        self, store, plant, tenant, reserve, later
    ):
        key = smuggle(f"media/{tenant.pk}/stray")
        check = plant()
        reserve(5, "stray", now=later)

        repairs = self.run(store, check, later)

        assert (repairs.outcomes, repairs.remaining) == ({}, 1)
        assert Orphan.objects.get(pk=key).delete_after is None

    def test_an_orphan_that_was_replaced_serves_its_quarantine_anew(
        self, store, checked, stray, later
    ):
        checked(repair=True)
        smuggle(stray, b"new and longer")

        assert checked(now=later + DAY, repair=True).repairs.purged == 0

        assert stray in objects()
        assert checked(now=later + 3 * DAY, repair=True).repairs.purged == 1
        assert stray not in objects()

    def test_an_orphan_reserved_at_the_end_of_its_quarantine_stays(
        self, store, checked, tenant, reserve, later
    ):
        key = smuggle(f"media/{tenant.pk}/stray")
        checked(repair=True)
        reservation = reserve(5, "stray", now=later + DAY)

        assert quarantine.purge(store, now=later + DAY) == 0

        store.put(reservation, b"12345", mime="image/png")
        services.settle(reservation, now=later + DAY)
        assert objects() == {key: 5}
        assert ledger_matches_the_bucket()

    def test_an_orphan_that_got_into_the_ledger_is_never_deleted(
        self, store, checked, tenant, later
    ):
        key = smuggle(f"media/{tenant.pk}/stray")
        checked(repair=True)
        StoredObject.objects.create(
            key=key,
            tenant=tenant,
            content_type="media",
            size_bytes=5,
            mime="image/png",
            created_at=later,
            updated_at=later,
        )

        assert quarantine.purge(store, now=later + DAY) == 0

        assert key in objects()
        assert not Orphan.objects.exists()

    def test_a_purge_that_was_killed_is_finished_by_the_sweep(
        self, store, checked, stray, later, monkeypatch
    ):
        checked(repair=True)
        monkeypatch.setattr(
            quarantine.release,
            "release",
            lambda reservation: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        with pytest.raises(KeyboardInterrupt):
            quarantine.purge(store, now=later + DAY)
        assert [(row.size_bytes, row.purpose) for row in Reservation.objects.all()] == [
            (5, "orphan")
        ]

        services.release_expired(now=later + DAY)

        assert stray not in objects()
        assert not Reservation.objects.exists()

    def test_a_repair_out_of_time_goes_on_next_time(self, store, plant, stored_keys, later):
        store.delete(stored_keys[0])
        check = plant()

        options = repair.CheckOptions(now=later, until=time.monotonic() - 1)
        assert repair.run(store, check, options=options).remaining == 1
        assert repair.run(store, check, options=repair.CheckOptions(now=later)).remaining == 0

    def test_repairing_twice_does_nothing_new(self, store, plant, stored_keys, stray, later):
        store.delete(stored_keys[0])
        check = plant()

        first = self.run(store, check, later)
        second = self.run(store, check, later)

        assert first.outcomes == {"forgotten": 1, "quarantined": 1}
        assert (second.outcomes, second.remaining) == ({}, 0)
        assert IntegrityFinding.objects.exclude(outcome="").count() == 2


@pytest.mark.usefixtures("store")
class TestRefusals:
    @pytest.fixture
    def plundered(self, store, tenant, checked):
        """30 objects, of which 12 are gone; the bucket is marked."""
        stored = [medium(tenant, f"picture {n}".encode()) for n in range(30)]
        checked()
        for key in stored[:12]:
            store.delete(key)
        return stored

    def test_too_much_missing_is_not_repaired(self, checked, plundered):
        with pytest.raises(TooMuchMissing, match="12 of 30"):
            checked(repair=True)
        with pytest.raises(TooMuchMissing):
            checked(dry_run=True)

        assert len(in_ledger()) == 30

    @pytest.mark.costly
    def test_a_person_may_say_that_so_much_is_missing_indeed(self, checked, plundered):
        report = checked(repair=True, max_missing_percent=50)

        assert report.repairs.outcomes == {"forgotten": 12}
        assert ledger_matches_the_bucket()

    def test_a_dry_run_changes_nothing(self, store, checked, stored_keys, stray):
        store.delete(stored_keys[0])
        before = objects(), in_ledger()

        report = checked(dry_run=True, repair=True)

        assert report.would == {"forgotten": 1, "quarantined": 1}
        assert (objects(), in_ledger()) == before
        assert not Orphan.objects.exists()

    @pytest.mark.parametrize("key", ["backup.tar", "media/nobody/a.png", "other/x/y"])
    def test_what_lies_in_no_tenants_folder_is_never_deleted(
        self, checked, stored_keys, key, later
    ):
        smuggle(key)

        report = checked(repair=True, grace=timedelta(0))

        assert (report.repairs.outcomes, report.repairs.remaining) == ({}, 1)
        assert not report.clean
        checked(now=later + 30 * DAY, repair=True)
        assert key in objects()

    def test_the_folder_of_a_tenant_that_is_gone_is_left_alone(self, checked, stored_keys):
        gone = Tenant.objects.create(name="gone")
        smuggle(f"media/{gone.pk}/a.png")
        gone.delete()

        assert checked(repair=True).repairs.remaining == 1

    def test_what_was_accepted_during_the_check_is_not_deleted(
        self, checked, stored_keys, stray, later
    ):
        assert not checked(until=0).complete
        Orphan.objects.update(accepted=True)

        report = checked(repair=True)

        assert (report.repairs.outcomes, report.repairs.remaining) == ({}, 1)
        assert quarantine.purge(get_store(), now=later + 2 * DAY) == 0
        assert stray in objects()

    def test_what_was_accepted_is_not_told_of_again_but_counts(self, checked, stored_keys):
        smuggle("backup.tar", b"12345")
        checked()
        Orphan.objects.update(accepted=True)

        assert checked(repair=True).clean
        assert selectors.bucket_usage().orphaned_bytes == 5

    def test_a_store_that_fails_during_the_repair_says_so(self, store, checked, stored_keys, later):
        store.delete(stored_keys[0])
        check = checked().check
        store.down = True

        with pytest.raises(StoreUnavailable):
            repair.run(store, check, options=repair.CheckOptions(now=later))

        store.down = False
        assert repair.run(store, check, options=repair.CheckOptions(now=later)).outcomes == {
            "forgotten": 1
        }


@pytest.mark.usefixtures("store")
class TestAdoption:
    def adopted(self, store, key, now):
        return adoption.adopt(store, key, now=now)

    @pytest.fixture
    def lost(self, tenant, checked, later):
        """An orphan of ten bytes whose key could be one of ours."""
        key = medium(tenant, b"0123456789")
        ledger.remove([key], now=later)
        checked(repair=True)
        return key

    def test_limits_hold_but_the_bucket_is_charged_once(self, store, lost, settings, later):
        limits = {
            "emergency_bytes": 1,
            "by_type": {"media": 9, "vision": 1, "crawl": 1, "album": 1},
        }
        settings.LIMITS = Limits(total_bytes=10, tenant_bytes=10, **limits)

        with pytest.raises(services.QuotaExceeded, match="media_limit"):
            self.adopted(store, lost, later)
        limits["by_type"]["media"] = 10
        settings.LIMITS = Limits(total_bytes=10, tenant_bytes=10, **limits)

        assert self.adopted(store, lost, later).size_bytes == 10
        assert selectors.bucket_usage().taken_bytes == 10

    def test_a_damaged_or_misnamed_orphan_is_refused(self, store, lost, stray, checked, later):
        damage(store, lost)
        checked()

        for key in (lost, stray, "nowhere"):
            with pytest.raises(adoption.NotAdoptable):
                self.adopted(store, key, later)

        assert lost not in in_ledger()

    def test_one_that_is_being_stored_is_refused(self, store, lost, tenant, later):
        services.reserve(tenant=tenant, content_type="media", key=lost, size_bytes=10, now=later)

        with pytest.raises(adoption.NotAdoptable):
            self.adopted(store, lost, later)

    def test_one_that_was_replaced_is_refused(self, store, lost, later):
        Orphan.objects.filter(pk=lost).update(etag="another")

        with pytest.raises(adoption.NotAdoptable):
            self.adopted(store, lost, later)

    def test_one_that_went_away_is_refused(self, store, lost, later):
        store.delete(lost)

        with pytest.raises(adoption.NotAdoptable):
            self.adopted(store, lost, later)


@pytest.mark.usefixtures("store")
class TestSchedule:
    def test_the_task_checks_when_it_is_due(self, stored_keys):
        assert tasks.verify_storage(unknown="argument") == (
            "complete, 0 problems; 0 deleted after quarantine"
        )
        assert tasks.verify_storage() == "not due; 0 deleted after quarantine"
        assert IntegrityCheck.objects.count() == 1

    def test_the_task_repairs_nothing(self, store, stored_keys, monkeypatch, later):
        monkeypatch.setattr(timezone, "now", lambda: later)
        store.delete(stored_keys[0])

        assert tasks.verify_storage().startswith("complete, 1 problems")
        assert stored_keys[0] in in_ledger()

    def test_the_task_ends_quarantines(self, checked, stray, later, monkeypatch):
        checked(repair=True)
        monkeypatch.setattr(timezone, "now", lambda: later + DAY)

        assert tasks.verify_storage() == "not due; 1 deleted after quarantine"
        assert stray not in objects()

    def test_the_task_says_when_it_could_not_look(self, store, stored_keys):
        store.down = True

        assert tasks.verify_storage().startswith("the check could not be done")

    def test_the_task_deletes_nothing_in_a_strange_bucket(
        self, store, checked, stray, later, monkeypatch
    ):
        checked(repair=True)
        store.delete(keys.marker(Installation.objects.get().pk))
        monkeypatch.setattr(timezone, "now", lambda: later + DAY)

        assert "could not be done" in tasks.verify_storage()
        assert stray in objects()


def test_a_report_is_one_json_object(store, checked, stored_keys, stray):
    report = json.loads(json.dumps(checked(repair=True).as_dict()))

    assert report["state"] == "clean"
    assert report["findings"]["orphaned"] == 1
    assert report["repaired"] == {"quarantined": 1}
    assert report["in_quarantine"] == 1
    assert report["details"][0]["outcome"] == "quarantined"
