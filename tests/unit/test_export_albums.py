import pytest

from media.sources.export.messages.albums import group_id
from media.sources.port import Message
from tests.unit.exports import CHANNEL_ID, message, photo, read_messages


def groups(folder, messages):
    """The grouped ids in order, None for what is in no album."""
    records = read_messages(folder, messages)
    return [record.grouped_id for record in records if isinstance(record, Message)]


def sizes(found):
    return [found.count(group) for group in dict.fromkeys(found)]


def test_neighbors_of_one_second_are_an_album_named_after_the_first(tmp_path):
    posts = [message(4), photo(5), photo(6, text="подпись"), photo(9), message(10)]

    assert groups(tmp_path, posts) == [None, -5, -5, -5, None]


def test_one_picture_is_no_album(tmp_path):
    assert groups(tmp_path, [photo(1), photo(2, date_unixtime="1781868999")]) == [None, None]


def test_the_media_of_an_album_may_be_mixed(tmp_path):
    video = {"photo": None, "file": "(x)", "media_type": "video_file"}

    assert groups(tmp_path, [photo(1), photo(2, **video)]) == [-1, -1]


@pytest.mark.parametrize("media_type", [None, "video_file", "audio_file"])
def test_videos_files_and_music_make_albums(tmp_path, media_type):
    posts = [photo(n, photo=None, file="(x)", media_type=media_type) for n in (1, 2)]

    assert groups(tmp_path, posts) == [-1, -1]


@pytest.mark.parametrize("media_type", ["sticker", "voice_message", "video_message", "animation"])
def test_other_media_make_none(tmp_path, media_type):
    posts = [photo(n, photo=None, file="(x)", media_type=media_type) for n in (1, 2)]

    assert groups(tmp_path, posts) == [None, None]


@pytest.mark.parametrize("other", [{}, {"poll": {"question": "?"}}, {"paid_stars_amount": 5}])
def test_texts_polls_and_paid_posts_make_none(tmp_path, other):
    posts = [photo(n, **other) for n in (1, 2)]
    for post in posts:
        del post["photo"]

    assert groups(tmp_path, posts) == [None, None]


@pytest.mark.parametrize(
    "different",
    [
        {"from_id": "channel5"},
        {"forwarded_from": None},
        {"forwarded_from": "Другой"},
        {"forwarded_from_id": "channel7"},
        {"date_unixtime": "1781868411"},
    ],
)
def test_another_author_source_or_second_is_another_post(tmp_path, different):
    assert groups(tmp_path, [photo(1), photo(2, **different)]) == [None, None]


def test_an_album_forwarded_from_one_source_stays_together(tmp_path):
    posts = [photo(n, forwarded_from="Канал", forwarded_from_id="channel7") for n in (1, 2)]

    assert groups(tmp_path, posts) == [-1, -1]


@pytest.mark.parametrize(
    "between",
    [
        {"id": 3, "type": "service", "action": "pin_message"},
        {"id": 3, "type": "unsupported"},
        {"id": "3", "type": "message"},
        message(3, date_unixtime="1781868410"),
    ],
)
def test_what_comes_between_ends_an_album(tmp_path, between):
    posts = [photo(1), photo(2), between, photo(4), photo(5)]

    assert [g for g in groups(tmp_path, posts) if g] == [-1, -1, -4, -4]


def test_ten_are_one_album_wherever_the_captions_are(tmp_path):
    posts = [photo(n, text="x" if n in (1, 5, 7) else "") for n in range(1, 11)]

    assert sizes(groups(tmp_path, posts)) == [10]


def test_in_a_longer_run_an_album_begins_at_each_caption(tmp_path):
    posts = [photo(n, text="x" if n in (1, 4, 9) else "") for n in range(1, 13)]

    assert groups(tmp_path, posts) == [-1] * 3 + [-4] * 5 + [-9] * 4


def test_in_a_longer_run_what_stands_alone_is_no_album(tmp_path):
    posts = [photo(n, text="x" if n in (2, 3, 12) else "") for n in range(1, 13)]

    assert groups(tmp_path, posts) == [None, None] + [-3] * 9 + [None]


def test_a_longer_run_without_captions_is_cut_after_ten(tmp_path):
    assert sizes(groups(tmp_path, [photo(n) for n in range(1, 24)])) == [10, 10, 3]
    assert groups(tmp_path, [photo(n) for n in range(1, 12)]) == [-1] * 10 + [None]


def test_after_a_longer_run_the_ordinary_rule_holds_again(tmp_path):
    posts = [photo(n) for n in range(1, 13)]
    posts += [photo(n, date_unixtime="1781868999", text="x") for n in range(13, 16)]

    assert sizes(groups(tmp_path, posts)) == [10, 2, 3]


def test_old_exports_are_grouped_by_their_local_second(tmp_path):
    posts = [photo(n, date_unixtime=None, from_id=CHANNEL_ID) for n in (1, 2)]

    assert groups(tmp_path, posts) == [-1, -1]


def test_messages_of_a_migrated_group_have_groups_of_their_own(tmp_path):
    found = groups(tmp_path, [photo(-999_999_990), photo(-999_999_989)])

    assert found == [-999_999_990 - 2**40] * 2


def test_no_two_first_messages_share_a_group_id():
    ids = [-(2**40), -1, 0, 1, 2**40 - 1]

    assert len({group_id(n) for n in ids}) == len(ids)
    assert all(group_id(n) < 0 for n in ids)


def test_the_order_of_the_file_is_kept(tmp_path):
    posts = [photo(n, text="x" if n % 5 == 0 else "") for n in range(1, 40)]

    records = read_messages(tmp_path, posts)

    assert [record.message_id for record in records] == list(range(1, 40))


def test_the_group_is_part_of_the_fingerprint(tmp_path):
    (alone,) = read_messages(tmp_path, [photo(1)])
    grouped, _ = read_messages(tmp_path, [photo(1), photo(2)])

    assert alone.fingerprint != grouped.fingerprint
