"""Fact 114: what is counted of files, by kinds that Telegram cannot make more of."""

import pytest

from media import metrics
from media.models import MediaState
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
        metrics.count_imported([parsed], [])

    total = sum(processed(growth, "doc", outcome) for outcome in ("skipped", "error"))
    assert total == len(MediaState) - 1
    assert growth("media_bytes_total", media="doc") == 0
