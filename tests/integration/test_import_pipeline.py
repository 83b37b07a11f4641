"""The files of one batch are uploaded while the rows of the batch before are written."""

import gc
import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from accounts import tenants
from events.models import OutboxEvent
from media.models import ImportRun, MediaObject, MediaState, Post
from media.posts.parsed_message import ParsedMessage
from media.services import imports
from media.services.pipeline import batches, blobs, in_flight, reader_process, upload
from media.services.pipeline.in_flight import finish, start
from media.sources.export import ExportSource
from media.sources.port import Message
from storage_quota.models import Reservation, StoredObject, TenantUsage
from storage_quota.object_store import StoreUnavailable, get_store, use
from storage_quota.object_store.memory import MemoryStore
from tests import factories
from tests.unit.exports import chat, message, write

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_MESSAGES", 2)


@pytest.fixture
def store():
    with use(MemoryStore()) as memory:
        yield memory


def export(folder: Path, names: list[str]) -> Path:
    """One post per name; equal names are the same picture."""
    for name in set(names):
        picture = folder / "photos" / f"{name}.jpg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), ((ord(name) - 97) * 40, 0, 0)).save(picture)
    posts = [message(n, photo=f"photos/{name}.jpg") for n, name in enumerate(names, start=1)]
    return write(folder, chat(posts))


def run(folder: Path) -> imports.ImportSummary:
    source = ExportSource(folder, zone=UTC)
    return imports.import_export(source=source, path=folder, tenant=tenants.default_tenant())


def before_the_uploads(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    begun = upload.start_uploads

    def after_that(source, **given):
        happens()
        return begun(source, **given)

    monkeypatch.setattr(in_flight, "start_uploads", after_that)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def byte_totals() -> tuple[int, int, int]:
    """Bytes in the bucket, in the ledger, in the sums."""
    return (
        sum(info.size_bytes for info in get_store().list()),
        sum(StoredObject.objects.values_list("size_bytes", flat=True)),
        sum(TenantUsage.objects.values_list("total_bytes", flat=True)),
    )


def test_a_picture_of_two_neighboring_batches_is_put_and_charged_once(tmp_path, store):
    run(export(tmp_path, ["a", "b", "a", "c", "c", "b"]))

    assert store.puts == MediaObject.objects.count() == 3
    assert not Reservation.objects.exists()
    assert len(set(byte_totals())) == 1


def test_files_of_the_next_batch_are_put_before_the_rows_of_this_one_are_written(
    tmp_path, store, monkeypatch
):
    posts_then: list[int] = []
    put = store.put

    def noting(reservation, body, **kwargs):
        posts_then.append(0 if threading.current_thread() is threading.main_thread() else 1)
        return put(reservation, body, **kwargs)

    posts_at_start: list[int] = []
    start_uploads = upload.start_uploads

    def counting(*args, **kwargs):
        posts_at_start.append(Post.objects.count())
        return start_uploads(*args, **kwargs)

    monkeypatch.setattr(store, "put", noting)
    monkeypatch.setattr("media.services.pipeline.in_flight.start_uploads", counting)

    run(export(tmp_path, ["a", "b", "c", "d", "e", "f"]))

    assert posts_at_start == [0, 0, 2]
    assert posts_then == [1] * 6


def test_a_store_that_fails_keeps_what_was_settled_and_releases_every_reservation(
    tmp_path, store, monkeypatch
):
    put = store.put

    def failing(reservation, body, **kwargs):
        if store.puts >= 5:
            raise StoreUnavailable("switched off")
        return put(reservation, body, **kwargs)

    monkeypatch.setattr(store, "put", failing)
    monkeypatch.setattr(upload, "PARALLEL_PUTS", 1)
    folder = export(tmp_path, ["a", "b", "c", "d", "e", "f"])

    with pytest.raises(StoreUnavailable):
        run(folder)

    assert Post.objects.count() in {2, 4}
    assert not Reservation.objects.exists()
    assert len(set(byte_totals())) == 1
    monkeypatch.setattr(store, "put", put)
    run(folder)
    assert Post.objects.count() == MediaObject.objects.count() == 6


def test_a_reader_that_stops_early_leaves_no_reservation(tmp_path, store):
    def stop(summary: imports.ImportSummary) -> None:
        if summary.counts["messages"]:
            raise KeyboardInterrupt

    folder = export(tmp_path, ["a", "b", "c", "d", "e", "f"])

    with pytest.raises(KeyboardInterrupt):
        imports.import_export(
            source=ExportSource(folder, zone=UTC),
            path=folder,
            tenant=tenants.default_tenant(),
            observe=stop,
        )

    assert Post.objects.count() == 2
    assert not Reservation.objects.exists()
    assert len(set(byte_totals())) == 1


def test_a_file_that_changes_under_the_import_is_the_problem_of_its_message_only(
    tmp_path, store, monkeypatch
):
    folder = export(tmp_path, ["a", "b", "c"])
    content = (folder / "photos" / "b.jpg").read_bytes()
    put = store.put

    def changed(reservation, body, **kwargs):
        if sha256(content).hexdigest() in reservation.key:
            body = content[:-1]
        return put(reservation, body, **kwargs)

    monkeypatch.setattr(store, "put", changed)
    first = run(folder)

    assert [(p.code, p.message_id) for p in first.problems] == [("unreadable_file", 2)]
    states = dict(Post.objects.values_list("telegram_message_id", "media_state"))
    assert states == {1: MediaState.STORED, 2: MediaState.UNREADABLE, 3: MediaState.STORED}
    assert not Reservation.objects.exists()

    monkeypatch.setattr(store, "put", put)
    again = run(folder)

    assert again.clean
    assert Post.objects.get(telegram_message_id=2).media_state == MediaState.STORED
    assert MediaObject.objects.count() == 3
    assert len(set(byte_totals())) == 1


def test_a_picture_whose_first_file_changed_comes_in_with_the_next_batch(
    tmp_path, store, monkeypatch
):
    """The second batch counted the picture as known, since the first one was uploading it."""
    folder = export(tmp_path, ["a", "b", "c", "d"])
    (folder / "photos" / "c.jpg").write_bytes((folder / "photos" / "b.jpg").read_bytes())
    content = (folder / "photos" / "b.jpg").read_bytes()
    put, spoiled = store.put, []

    def changed_once(reservation, body, **kwargs):
        if sha256(content).hexdigest() in reservation.key and not spoiled:
            spoiled.append(reservation.key)
            body = content[:-1]
        return put(reservation, body, **kwargs)

    monkeypatch.setattr(store, "put", changed_once)

    summary = run(folder)

    states = dict(Post.objects.values_list("telegram_message_id", "media_state"))
    assert [(p.code, p.message_id) for p in summary.problems] == [("unreadable_file", 2)]
    assert states[3] == MediaState.STORED
    assert MediaObject.objects.count() == 3
    assert not Reservation.objects.exists()
    assert len(set(byte_totals())) == 1


def test_a_file_that_grows_after_it_was_hashed_costs_only_itself(tmp_path, store, monkeypatch):
    """Telegram Desktop may still write the export: more bytes than reserved ended the import."""
    folder = export(tmp_path, ["a", "b", "c", "d"])
    monkeypatch.setattr(blobs, "SMALL_BYTES", 0)
    before_the_uploads(monkeypatch, lambda: append(folder / "photos" / "b.jpg", b"more"))

    summary = run(folder)

    assert [(p.code, p.message_id) for p in summary.problems] == [("unreadable_file", 2)]
    assert "changed while it was being imported" in summary.problems[0].detail
    assert MediaObject.objects.count() == 3
    assert len(set(byte_totals())) == 1


def test_a_small_file_is_stored_as_it_was_hashed(tmp_path, store, monkeypatch):
    """Between its hash and its upload it is not read again, whatever becomes of it."""
    folder = export(tmp_path, ["a", "b", "c", "d"])
    hashed = sha256((folder / "photos" / "b.jpg").read_bytes()).hexdigest()
    before_the_uploads(monkeypatch, lambda: append(folder / "photos" / "b.jpg", b"more"))

    summary = run(folder)

    assert summary.clean
    stored = MediaObject.objects.get(posts__telegram_message_id=2)
    assert stored.file_sha256 == hashed
    with store.open(stored.s3_key) as file:
        assert sha256(file.read()).hexdigest() == hashed
    assert len(set(byte_totals())) == 1


def test_no_more_small_files_are_kept_than_there_is_room_for(tmp_path, store, monkeypatch):
    folder = export(tmp_path, ["a", "b", "c", "d"])
    monkeypatch.setattr(blobs, "KEPT_BYTES", (folder / "photos" / "a.jpg").stat().st_size)
    before_the_uploads(monkeypatch, lambda: append(folder / "photos" / "b.jpg", b"more"))

    summary = run(folder)

    assert [(p.code, p.message_id) for p in summary.problems] == [("unreadable_file", 2)]
    assert MediaObject.objects.count() == 3
    assert len(set(byte_totals())) == 1


def test_a_file_that_was_missing_comes_in_with_the_next_import(tmp_path, store):
    folder = export(tmp_path, ["a", "b"])
    away = (folder / "photos" / "b.jpg").rename(tmp_path / "b.jpg")
    first = run(folder)
    still = run(folder)

    away.rename(folder / "photos" / "b.jpg")
    last = run(folder)

    assert [p.code for p in first.problems + still.problems] == ["missing_file"] * 2
    assert still.counts["unchanged"] == 2
    assert last.clean
    assert last.counts["updated"] == 1
    assert MediaObject.objects.count() == 2
    uploaded = OutboxEvent.objects.filter(topic="posts.vision.uploaded")
    assert uploaded.count() == 2


@pytest.mark.costly
def test_many_posts_go_in_by_copy_and_an_edit_replaces_them(tmp_path, store, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_MESSAGES", 2000)
    count = 450
    nasty = "tab\t line\n back\\slash \\N «кавычки» 🎉"
    write(tmp_path, chat([message(n, text=f"{n} {nasty}") for n in range(1, count + 1)]))
    run(tmp_path)
    created = Post.objects.get(telegram_message_id=1).created_at
    edited = str(int(datetime(2026, 7, 1, tzinfo=UTC).timestamp()))
    write(
        tmp_path,
        chat([message(n, text=f"{n} new", edited_unixtime=edited) for n in range(1, count + 1)]),
    )

    second = run(tmp_path)

    assert second.counts["updated"] == Post.objects.filter(content__endswith="new").count() == count
    assert Post.objects.get(telegram_message_id=1).created_at == created
    assert OutboxEvent.objects.filter(topic="posts.parsed").count() == 2 * count
    first = OutboxEvent.objects.filter(topic="posts.parsed").order_by("id")[0]
    assert first.payload["text"] == f"1 {nasty}"
    assert run(tmp_path).counts["unchanged"] == count


def test_a_batch_that_is_restarted_after_hours_reserves_with_the_later_time(tmp_path, store, now):
    source = ExportSource(export(tmp_path, ["a"]), zone=UTC)
    [batch] = [each for each in batches.read_batches(source, limit=None) if each.messages]
    with upload.upload_pool() as pool:
        first = start(
            source, channel=factories.channel(), messages=batch.messages, pool=pool, now=now
        )
        first.uploads.abandon()

        second = replace(first, began=first.began - 7200).restart()

        assert Reservation.objects.get().expires_at > now + timedelta(hours=3)
        finish(second)
    assert len(set(byte_totals())) == 1


@pytest.mark.parametrize("again", [False, True], ids=["new", "repeated"])
def test_a_batch_is_freed_when_it_is_done_not_when_garbage_is_looked_for(
    tmp_path, store, monkeypatch, again
):
    folder = write(tmp_path, chat([message(n) for n in range(1, 41)]))
    if again:
        run(folder)
    alive: list[int] = []

    def counting(summary: imports.ImportSummary) -> None:
        kinds = [type(one) for one in gc.get_objects()]
        alive.append(kinds.count(Message) + kinds.count(ParsedMessage))

    monkeypatch.setattr("media.services.garbage.NEW_OBJECTS", 10**9)
    gc.collect()
    gc.freeze()  # what is here already need not be looked through at each batch
    tenant, source = tenants.default_tenant(), ExportSource(folder, zone=UTC)
    imports.import_export(source=source, path=folder, tenant=tenant, observe=counting)

    # Two batches in flight and one read ahead, of two messages each.
    assert len(alive) > 15
    assert max(alive) <= 4 * 2 * 2


@pytest.mark.costly
def test_a_reader_that_is_killed_keeps_what_was_committed_and_no_reservation(
    tmp_path, store, monkeypatch
):
    monkeypatch.setattr(reader_process, "LARGE_BYTES", 0)
    long = "a long post " * 33_000  # three of them are a batch
    folder = write(tmp_path, chat([message(n, text=f"{n} {long}") for n in range(1, 13)]))

    def kill_reader(summary: imports.ImportSummary) -> None:
        if summary.counts["new"]:
            subprocess.run(
                ["pkill", "-9", "-P", str(os.getpid()), "-f", reader_process.__name__], check=False
            )

    with pytest.raises(reader_process.ReaderEnded):
        imports.import_export(
            source=ExportSource(folder, zone=UTC),
            path=folder,
            tenant=tenants.default_tenant(),
            observe=kill_reader,
        )

    assert 0 < Post.objects.count() < 12
    assert ImportRun.objects.get().interrupted_at is not None
    assert not Reservation.objects.exists()
    assert run(folder).clean
    assert Post.objects.count() == 12
