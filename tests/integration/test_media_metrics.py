"""Fact 114: what is counted of files, by kinds that Telegram cannot make more of."""

import pytest

from media import metrics
from media.models import MediaState, PostMedia
from media.posts.parsed_message import ParsedMessage
from media.sources.port import Attachment, MediaKind, Message
from tests.counted import Growth
from tests.integration.test_import_pictures import encoded, export, read, run
from tests.unit.exports import chat, message, write

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def growth():
    return Growth()


def processed(growth, media, outcome, stage="store"):
    return growth("media_processing_total", stage=stage, media=media, outcome=outcome)


def test_fact_114_one_photo_moves_all_three(tmp_path, growth):
    run(export(tmp_path))  # one JPEG
    size = len(encoded("JPEG", "red"))

    assert processed(growth, "photo", "success") == 1
    assert growth("media_bytes_total", media="photo") == size
    assert growth("media_size_bytes_count", media="photo") == 1
    assert growth("media_size_bytes_sum", media="photo") == size
    read()
    assert processed(growth, "photo", "success", "analyze") == 1
    assert growth("vision_event_duration_seconds_count", backfill="true") == 1


def test_the_same_content_is_stored_once_and_its_bytes_are_counted_once(tmp_path, growth):
    picture = encoded("PNG")
    run(export(tmp_path, picture, picture))

    assert processed(growth, "photo", "success") == 2  # the PNG, and the JPEG that is always there
    assert processed(growth, "photo", "duplicate") == 1
    assert growth("media_bytes_total", media="photo") == len(picture) + len(encoded("JPEG", "red"))


def test_a_second_import_of_the_same_counts_nothing(tmp_path):
    run(export(tmp_path, encoded("PNG")))
    growth = Growth()

    run(tmp_path)

    assert processed(growth, "photo", "success") == 0
    assert processed(growth, "photo", "duplicate") == 0


@pytest.mark.parametrize(
    ("file", "outcome"),
    [
        ("photos/not-there.jpg", "error"),
        ("../outside.jpg", "error"),
        ("(File not included. Change data exporting settings to download.)", "skipped"),
    ],
)
def test_a_file_that_cannot_be_stored_is_an_error_and_one_that_was_left_out_is_not(
    tmp_path, growth, file, outcome
):
    run(write(tmp_path, chat([message(1, photo=file)])))

    assert processed(growth, "photo", outcome) == 1
    assert growth("media_bytes_total", media="photo") == 0


@pytest.mark.costly
def test_a_damaged_picture_is_stored_and_fails_when_it_is_read(tmp_path, growth):
    run(export(tmp_path, b"\xff\xd8\xff\xe0 no picture"))
    read()

    assert processed(growth, "photo", "success") == 2
    assert processed(growth, "photo", "success", "analyze") == 1
    assert processed(growth, "photo", "error", "analyze") == 1


def test_every_kind_and_those_that_nobody_knows_yet_has_one_of_three_labels():
    labels = {kind: metrics.media_label(kind) for kind in [*MediaKind, "hologram", ""]}

    assert set(labels.values()) == {"photo", "video", "doc"}
    assert labels["photo"] == "photo"
    assert labels["video_message"] == labels["animation"] == labels["video"] == "video"
    assert labels["sticker"] == labels["voice"] == labels["hologram"] == labels[""] == "doc"


def test_every_state_of_a_file_is_one_of_the_declared_outcomes(tmp_path, growth):
    attachment = Attachment(MediaKind.STICKER)
    for state in set(MediaState) - {MediaState.STORED}:
        parsed = ParsedMessage(Message(1, None, attachment=attachment), state=state)
        metrics.count_imported([parsed], {})

    total = sum(processed(growth, "doc", outcome) for outcome in ("skipped", "error"))
    assert total == len(MediaState) - 1
    assert growth("media_bytes_total", media="doc") == 0


@pytest.mark.costly
def test_rows_of_files_their_references_and_albums_are_counted_as_they_are_committed(
    tmp_path, growth
):
    pictures = [encoded("PNG", color) for color in ("green", "blue", "green")]
    run(export(tmp_path, *pictures))  # and the JPEG that is always there

    assert growth("media_objects_upserted_total", status="inserted") == 3
    assert growth("media_objects_upserted_total", status="updated") == 0
    assert growth("post_media_map_inserted_total", status="new") == 4
    assert growth("post_media_map_inserted_total", status="replaced") == 0
    assert growth("media_objects_refs_updated_total") == PostMedia.objects.count() == 4
    labels = {"stage": "store", "media": "photo", "outcome": "success"}
    assert growth("media_processing_duration_seconds_count", **labels) == 3
    assert growth("media_processing_duration_seconds_sum", **labels) > 0
    read()
    labels["stage"] = "analyze"
    assert growth("media_processing_duration_seconds_count", **labels) == 4


def test_a_post_that_shows_another_file_has_its_reference_taken_away_and_another_added(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, color in ((first, "green"), (second, "blue")):
        (folder / "photos").mkdir(parents=True)
        (folder / "photos/1.png").write_bytes(encoded("PNG", color))
    run(write(first, chat([message(1, photo="photos/1.png")])))
    growth = Growth()
    later = message(1, photo="photos/1.png", edited_unixtime="1999999999")
    run(write(second, chat([later])))

    assert growth("post_media_map_inserted_total", status="replaced") == 1
    assert growth("post_media_map_inserted_total", status="new") == 0
    assert growth("media_objects_refs_updated_total") == 2


def test_an_album_is_counted_once_and_one_that_lacks_a_file_is_an_error(growth):
    parsed = [
        ParsedMessage(Message(i, None, attachment=Attachment(MediaKind.PHOTO)), state=state)
        for i, state in enumerate(["stored", "stored", "stored", "missing", "stored"])
    ]
    metrics.count_albums(parsed, {0: 7, 1: 7, 2: 8, 3: 8})

    assert growth("media_albums_processed_total", status="ok") == 1
    assert growth("media_albums_processed_total", status="error") == 1
