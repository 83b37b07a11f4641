"""One suite for what the archive asks of Telegram: the fake and Telethon against a real server."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from media.sources.port import Message
from media.sources.telegram.failures import ReferenceUnknown
from media.sources.telegram.port import Deleted, Reconnected, Seen
from tests.telegram_fake import FakeTelegram
from tests.telegram_server import FakeWorld, RealWorld, World, real_endpoint, signed_in, until


@pytest.fixture(scope="module")
def session() -> dict[str, str]:
    return {}


@pytest.fixture(params=["fake", "telethon"])
def world(request: pytest.FixtureRequest, session: dict[str, str]) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld(FakeTelegram())
        return
    endpoint = real_endpoint()
    if not session:
        session["reader"] = signed_in(endpoint)
    real = RealWorld(endpoint, session["reader"])
    yield real
    real.close()


def read_all(world: World) -> dict[int, Message]:
    access = world.access()
    card = access.resolve(world.reference)
    page = access.page(card.peer, after=0, until=card.top_id)
    return {f.message_id: f.record for f in page.fetched if isinstance(f.record, Message)}


def test_a_channel_is_found_by_name_and_described(world):
    access = world.access()
    last = world.text("one")

    card = access.resolve(world.reference)

    assert (card.kind, card.top_id) == ("public_channel", last)
    assert f"@{card.username}" == world.reference
    assert access.fetch_card(card.peer) == card


def test_an_unknown_name_is_unknown(world):
    with pytest.raises(ReferenceUnknown):
        world.access().resolve("@nobody_has_this_name_here")


def test_pages_go_up_without_holes_or_repeats(world):
    ids = [world.text(f"text {n}") for n in range(7)]
    access = world.access()
    peer = access.resolve(world.reference).peer
    read, after = [], ids[0] - 1
    while after < ids[-1]:
        page = access.page(peer, after=after, until=ids[-1], limit=3)
        read += [one.message_id for one in page.fetched]
        after = page.read_to

    assert read == ids
    middle = access.page(peer, after=ids[1], until=ids[4])
    assert [one.message_id for one in middle.fetched] == ids[2:5]
    assert middle.read_to == ids[4]
    assert access.page(peer, after=ids[-1], until=ids[-1] + 50).fetched == ()


def test_texts_photos_albums_documents_and_forwards(world):
    text = world.text("plain words")
    photo = world.photo(1, "a photo")
    album = world.album([2, 3, 4], "an album")
    document = world.document("имя файла.txt", b"words of a file" * 100)
    forward = world.forward(text)

    found = read_all(world)

    assert found[text].text == "plain words"
    assert (found[photo].text, found[photo].attachment.kind) == ("a photo", "photo")
    numbers = {found[i].grouped_id for i in album}
    assert len(numbers) == 1
    assert numbers.pop() > 0
    assert found[album[0]].text == "an album"
    assert found[document].attachment.file_name == "имя файла.txt"
    assert found[forward].forward.from_message_id == text


def test_files_come_whole_and_documents_byte_by_byte(world, tmp_path):
    body = bytes(range(256)) * 5000
    document, photo = world.document("d.bin", body), world.photo(1)
    access = world.access()
    peer = access.resolve(world.reference).peer
    found = access.by_ids(peer, [document, photo])
    digests = {}
    for message_id, one in found.items():
        file = one.files[0]
        target = tmp_path / str(message_id)
        digests[message_id] = access.download(peer, file, target).result(60)
        assert target.stat().st_size == file.size_bytes

    assert digests[document] == hashlib.sha256(body).hexdigest()
    again = access.download(peer, found[photo].files[0], tmp_path / "again").result(60)
    assert again == digests[photo]


def test_answers_have_the_ids_they_belong_to(world):
    ids = [world.text(f"text {n}") for n in range(4)]
    world.delete(ids[1])
    access = world.access()
    peer = access.resolve(world.reference).peer

    found = access.by_ids(peer, [ids[3], ids[1], ids[0], ids[3] + 1000])

    assert {i: one.record.text for i, one in found.items()} == {ids[0]: "text 0", ids[3]: "text 3"}


def test_the_first_message_since_a_moment(world):
    began = datetime.now(UTC) - timedelta(days=1)
    if isinstance(world, FakeWorld):
        began = world.server.post(1, "x").at - timedelta(days=1)
        world._last = 1
    ids = [world.text("a"), world.text("b")]
    access = world.access()
    peer = access.resolve(world.reference).peer

    first = access.first_since(peer, began)

    assert first is not None
    assert first <= ids[0]
    assert access.first_since(peer, began + timedelta(days=90_000)) is None


def test_what_happens_is_heard(world):
    access = world.access()
    world.join(access)
    heard: list = []
    access.listen(heard.append)
    posted = world.text("news")
    assert until(lambda: [e for e in heard if isinstance(e, Seen) and not e.edited])
    world.edit(posted, "newer")
    assert until(lambda: [e for e in heard if isinstance(e, Seen) and e.edited])
    world.delete(posted)
    assert until(lambda: [e for e in heard if isinstance(e, Deleted)])

    peer = access.resolve(world.reference).peer
    seen = [e for e in heard if isinstance(e, Seen) and e.fetched.message_id == posted]
    assert {e.tg_channel_id for e in seen} == {peer.tg_channel_id}
    assert seen[-1].fetched.record.text == "newer"
    [deleted] = [e for e in heard if isinstance(e, Deleted)]
    assert (deleted.tg_channel_id, deleted.message_ids) == (peer.tg_channel_id, (posted,))


def test_a_lost_connection_comes_back_and_says_so(world):
    access = world.access()
    world.join(access)
    heard: list = []
    access.listen(heard.append)
    world.text("before")

    world.break_connection(access)

    assert until(lambda: [e for e in heard if isinstance(e, Reconnected)])
    after = world.text("after")
    # What happens right after a break may not be heard: whoever listens reads from the cursor.
    peer = access.resolve(world.reference).peer
    assert access.page(peer, after=after - 1, until=after).fetched[0].record.text == "after"
