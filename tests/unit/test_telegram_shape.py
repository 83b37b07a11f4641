"""A message of Telegram is read as the same message of an export would be."""

import time
from datetime import UTC, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.tl import types

from media.sources.export.messages.convert import convert
from media.sources.port import MediaKind, Problem, ServiceMessage
from media.sources.telegram import adapter
from media.sources.telegram.live_message import Beside, read_live
from media.sources.telegram.shape.peers import Names
from media.sources.telegram.shape.text import text_parts
from tests.telegram_messages import AT, channel, document, fetched, message, photo, read


class TestText:
    def test_parts_are_those_of_an_export(self):
        text = "Жми 👉 здесь, @name #тег example.org и b"
        at = {word: len(text[: text.index(word)].encode("utf-16-le")) // 2 for word in text.split()}
        entities = [
            types.MessageEntityTextUrl(at["здесь,"], 5, "https://hidden.example"),
            types.MessageEntityMention(at["@name"], 5),
            types.MessageEntityHashtag(at["#тег"], 4),
            types.MessageEntityUrl(at["example.org"], 11),
            types.MessageEntityBold(at["b"], 1),
        ]

        found = read(message(text=text, entities=entities))

        assert found.text == text
        assert found.links == ("https://hidden.example", "https://example.org")
        assert (found.mentions, found.hashtags) == (("@name",), ("#тег",))

    def test_a_bold_link_is_a_link_and_keeps_its_whole_address(self):
        entities = [types.MessageEntityBold(0, 7), types.MessageEntityUrl(0, 11)]

        found = read(message(text="example.org", entities=entities))

        assert found.links == ("https://example.org",)

    def test_formatting_changes_the_fingerprint_and_no_text(self):
        plain = read(message(text="word"))
        bold = read(message(text="word", entities=[types.MessageEntityBold(0, 4)]))

        assert plain.text == bold.text
        assert plain.fingerprint != bold.fingerprint

    def test_formatting_without_end_is_cut_and_said_and_the_text_is_whole(self):
        text = "x" * 4096
        spans = [types.MessageEntityBold(n, 4096 - n) for n in range(20_000)]

        began = time.process_time()
        found = read(message(text=text, entities=spans))

        assert time.process_time() - began < 2
        assert (found.text, found.extra["unknown"]) == (text, {"entities_left_out": 19_500})
        assert "unknown" not in read(message(text=text, entities=spans[:500])).extra

    @given(
        text=st.text(st.characters(exclude_categories=("Cs",)), max_size=40),
        spans=st.lists(st.tuples(st.integers(-3, 90), st.integers(-3, 90)), max_size=6),
        chance=st.randoms(use_true_random=False),
    )
    def test_parts_joined_are_the_text(self, text, spans, chance):
        kinds = [types.MessageEntityBold, types.MessageEntityUrl, types.MessageEntityMention]
        entities = [chance.choice(kinds)(offset, length) for offset, length in spans]

        parts = text_parts(text, entities)

        # An entity that begins in the middle of a pair cuts it: Telegram sends none.
        joined = "".join(part["text"] for part in parts)
        assert joined == text or any(ord(c) > 0xFFFF for c in text)

    def test_characters_that_no_column_holds_are_replaced(self):
        assert "\x00" not in read(message(text="a\x00b")).text


class TestFiles:
    def test_the_largest_size_of_a_photo(self):
        one = fetched(message(media=photo(9, size=1000)))

        file = one.record.attachment
        assert (file.kind, file.declared_size_bytes, file.width) == (MediaKind.PHOTO, 1000, 800)
        assert (file.file_id, file.file_name) == ("9", "")
        assert [f.size_bytes for f in one.files] == [1000]

    @pytest.mark.parametrize(
        ("attributes", "mime", "kind"),
        [
            ([], "application/pdf", MediaKind.DOCUMENT),
            ([types.DocumentAttributeVideo(3, 640, 480)], "video/mp4", MediaKind.VIDEO),
            ([types.DocumentAttributeVideo(3, 9, 9, round_message=True)], "video/mp4", MediaKind.VIDEO_MESSAGE),
            ([types.DocumentAttributeVideo(3, 9, 9), types.DocumentAttributeAnimated()], "video/mp4", MediaKind.ANIMATION),
            ([types.DocumentAttributeAudio(7, voice=True)], "audio/ogg", MediaKind.VOICE),
            ([types.DocumentAttributeAudio(7, title="t")], "audio/mpeg", MediaKind.AUDIO),
            ([types.DocumentAttributeSticker("🙂", types.InputStickerSetEmpty())], "image/webp", MediaKind.STICKER),
        ],
    )  # fmt: skip
    def test_the_kind_and_the_type_of_a_document(self, attributes, mime, kind):
        name = types.DocumentAttributeFilename("имя.bin")

        found = read(message(media=document(mime=mime, attributes=[*attributes, name]))).attachment

        assert (found.kind, found.declared_mime, found.file_name) == (kind, mime, "имя.bin")

    def test_a_thumbnail_comes_along(self):
        thumbs = [types.PhotoSize("m", 90, 90, 70)]

        one = fetched(message(media=document(mime="video/mp4", thumbs=thumbs)))

        assert one.record.attachment.thumbnail_path
        assert sorted(f.size_bytes for f in one.files) == [70, 100]

    def test_a_photo_that_expired_is_unavailable(self):
        gone = types.MessageMediaPhoto(photo=types.PhotoEmpty(1))

        assert read(message(media=gone)).attachment.absence == "unavailable"

    def test_paid_media_have_no_file(self):
        paid = types.MessageMediaPaidMedia(5, [])

        found = read(message(media=paid))

        assert (found.attachment.absence, found.extra["paid_stars_amount"]) == ("paid", 5)


class TestMore:
    def test_counts_and_albums(self):
        replies = types.MessageReplies(4, 0)

        found = read(message(views=10, forwards=2, replies=replies, grouped_id=77, pinned=True))

        assert (found.views, found.forwards, found.replies, found.grouped_id) == (10, 2, 4, 77)
        assert found.extra["marks"] == ["pinned"]

    def test_a_forward_names_its_source(self):
        origin = types.MessageFwdHeader(
            date=AT, from_id=types.PeerChannel(55), channel_post=8, post_author="Ann"
        )

        found = read(message(text="x", fwd_from=origin), channel(55, "Source"))

        assert found.forward.from_name == "Source"
        assert (found.forward.from_chat_id, found.forward.from_message_id) == (-1000000000055, 8)
        assert (found.forward.forwarded_at, found.extra["forwarded_author"]) == (AT, "Ann")

    def test_a_reply_with_a_quote_in_a_topic(self):
        reply = types.MessageReplyHeader(
            reply_to_msg_id=3, reply_to_top_id=2, forum_topic=True, quote_text="word"
        )

        found = read(message(text="x", reply_to=reply))

        assert found.reply_to_message_id == 3
        assert (found.extra["topic_id"], found.extra["quote"]) == (2, "word")

    def test_a_poll(self):
        answers = [
            types.PollAnswer(types.TextWithEntities(t, []), t.encode()) for t in ("Yes", "No")
        ]
        question = types.TextWithEntities("Really?", [])
        poll = types.Poll(id=1, question=question, answers=answers, hash=0)
        voters = [types.PollAnswerVoters(b"Yes", voters=3), types.PollAnswerVoters(b"No", voters=1)]
        results = types.PollResults(results=voters, total_voters=4)

        found = read(message(media=types.MessageMediaPoll(poll=poll, results=results)))

        assert found.text == "Really?\nYes\nNo"
        assert found.extra["poll"]["answers"] == [
            {"text": "Yes", "voters": 3}, {"text": "No", "voters": 1},
        ]  # fmt: skip

    def test_buttons(self):
        row = types.KeyboardInlineButtonRow(
            [types.KeyboardInlineButton("Open", types.InlineButtonTypeUrl("https://a.example"))]
        )

        found = read(message(text="x", reply_markup=types.ReplyInlineMarkup([row])))

        assert found.extra["buttons"] == [{"text": "Open", "url": "https://a.example"}]
        assert found.links == ("https://a.example",)

    def test_reactions(self):
        results = [
            types.ReactionCount(types.ReactionEmoji("👍"), 5),
            types.ReactionCount(types.ReactionCustomEmoji(42), 2),
            types.ReactionCount(types.ReactionPaid(), 1),
        ]

        found = read(message(text="x", reactions=types.MessageReactions(results=results)))

        assert [(r.kind, r.value, r.count) for r in found.reactions] == [
            ("emoji", "👍", 5), ("custom_emoji", "42", 2), ("paid", "", 1),
        ]  # fmt: skip

    def test_a_place_an_invoice_and_a_contact(self):
        geo = types.GeoPoint(long=2.5, lat=1.5, access_hash=1)
        venue = types.MessageMediaVenue(geo, "Cafe", "Street 1", "", "", "")
        contact = types.MessageMediaContact("+1", "Ann", "Smith", "", 1)

        assert read(message(media=venue)).extra["place"] == {"name": "Cafe", "address": "Street 1"}
        found = read(message(media=contact))
        assert found.extra["contact"] is True
        assert "Ann" not in str(found)

    def test_a_service_message_is_no_post(self):
        service = types.MessageService(
            id=4,
            peer_id=message().peer_id,
            date=AT,
            action=types.MessageActionPinMessage(),
            reply_to=types.MessageReplyHeader(reply_to_msg_id=3),
        )

        assert fetched(service).record == ServiceMessage(4, "pin_message", 3)

    def test_a_time_before_telegram_is_a_problem_with_its_id(self):
        one = message(7, "x", date=AT - timedelta(days=40_000))

        problem = fetched(one).record

        assert isinstance(problem, Problem)
        assert (problem.code, problem.message_id) == ("invalid_message", 7)


class TestSameAsTheExport:
    """What Telegram Desktop writes of a message is read to the same content."""

    def test_text_links_and_time(self):
        exported = {
            "id": 5, "type": "message", "date": "2026-05-01T15:00:00",
            "date_unixtime": str(int(AT.timestamp())), "from": "Channel",
            "from_id": "channel1234567890", "author": "Ann",
            "text": ["See ", {"type": "link", "text": "example.org"}, " now"],
            "text_entities": [
                {"type": "plain", "text": "See "}, {"type": "link", "text": "example.org"},
                {"type": "plain", "text": " now"},
            ],
        }  # fmt: skip
        ours = convert(exported, zone=UTC, size_of=lambda _: None).finish(None)

        live = read(
            message(
                5,
                "See example.org now",
                entities=[types.MessageEntityUrl(4, 11)],
                post_author="Ann",
            )
        )

        names = (
            "message_id",
            "posted_at",
            "text",
            "links",
            "author",
            "sender_id",
            "extra",
            "edited_at",
        )
        assert {n: getattr(live, n) for n in names} == {n: getattr(ours, n) for n in names}


def test_what_postgresql_does_not_hold_is_replaced_wherever_it_stands():
    value = {"id": 1, "type": "message", "text": "a\0", "date_unixtime": "1"}

    found = read_live(value, Beside(quote="q\0", forwarded_author="\0f"))

    assert "\0" not in repr(found).replace("\\x00", "\0")


def test_a_message_that_is_nested_without_end_is_a_problem_and_no_end_of_the_page(monkeypatch):
    def nested(*_):
        raise RecursionError

    monkeypatch.setattr(adapter, "read_live", nested)
    message = types.MessageService(5, types.PeerChannel(7), None, types.MessageActionEmpty())
    monkeypatch.setattr(
        adapter, "shape", lambda *_: SimpleNamespace(value={}, beside=None, files=())
    )

    found = adapter._fetched(message, Names([]))

    assert (found.message_id, found.record.code) == (5, "invalid_message")
