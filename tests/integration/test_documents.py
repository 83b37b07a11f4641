"""From the file of a post to its words in the search: claimed, read once, settled, seen."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.utils import timezone

from events.console import list_of, page_of
from events.delivery import worker
from events.errors import RetryLater
from events.models import Delivery, OutboxEvent
from events.schemas import DocumentsReadEventV1
from events.workers import liveness
from media.models import MediaObject, Post, PostMedia
from search.services.find import search
from search.services.results.found_in_files import place
from search.services.results.shown import shown
from storage_quota.object_store import get_store
from tests import factories as make
from tests import made_documents as made
from vision import document_handlers, providers
from vision.analysis import document_enrichment
from vision.documents import claims, process
from vision.documents.findings import Refused
from vision.documents.reading import __main__ as reading_process
from vision.documents.reading.output import Enough, Output
from vision.models import DocumentPage, DocumentText, PaidAnalysis, PostEnrichment
from vision.providers.fake import FakeVision
from vision.providers.ocr.installed import TesseractMissing
from vision.services import read_documents as services
from vision.services import request_documents

pytestmark = pytest.mark.django_db(transaction=True)
FILE = {"kind": "document", "media_name": "План двора.pdf"}
TEXT = "text/plain"


def enrichment(of) -> PostEnrichment:
    return PostEnrichment.objects.get(post=of, kind="document_text")


def told() -> list[DocumentsReadEventV1]:
    found = OutboxEvent.objects.filter(topic="posts.documents.read").order_by("pk")
    return [DocumentsReadEventV1.model_validate(e.payload) for e in found]


@pytest.fixture
def read(archive):
    """A post with one file, whose texts are read."""

    def _(body: bytes, mime: str = TEXT, **columns) -> Post:
        post = archive.post(body, mime=mime, **{**FILE, **columns})
        worker.drain("documents")
        return post

    return _


def in_process(file, folder, limits) -> process.Reading:
    """What the process would report, without the price of starting one."""
    lines = folder / "lines.json"
    with lines.open("w") as out:
        output = Output(limits, to=out)
        try:
            reading_process._read(file, folder, output)
            output.end()
        except Refused as refusal:
            output.refused(refusal.reason, str(refusal))
        except Enough:
            output.end()
    return process._parsed(lines, folder)


@pytest.fixture(autouse=True)
def _few_processes(request, monkeypatch):
    if "apart" not in request.fixturenames:
        monkeypatch.setattr(process, "read", in_process)


@pytest.fixture
def apart() -> None:
    """Files are read in processes of their own, as in earnest."""


@pytest.fixture
def reads(monkeypatch):
    """Counts the files that are read."""
    counted, before = [], process.read

    def count(file, folder, limits):
        counted.append(file.read_bytes())
        return before(file, folder, limits)

    monkeypatch.setattr(process, "read", count)
    return counted


class TestOnePost:
    def test_a_pdf_is_read_page_by_page(self, read, apart):
        post = read(
            made.pdf("On the first page is a beaver", "On the second page is a badger"), made.PDF
        )

        row = DocumentText.objects.get()
        assert (row.outcome, row.reason, row.format, row.pages) == (
            "analyzed", "document_read", "pdf", 2,
        )  # fmt: skip
        assert list(row.parts.values_list("position", "page", "text")) == [
            (0, 1, "On the first page is a beaver"),
            (1, 2, "On the second page is a badger"),
        ]
        [decision] = enrichment(post).metadata["decisions"]
        assert (decision["outcome"], decision["reason"]) == ("analyzed", "document_read")
        [event] = told()
        assert (event.post_id, event.documents[0].chars) == (str(post.pk), row.chars)

    def test_pictures_videos_and_stickers_are_no_documents(self, archive):
        archive.post(make.picture())
        archive.post(b"\x1f\x8b lottie", mime="application/gzip", kind="sticker")

        assert not Delivery.objects.filter(queue="documents").exists()

    def test_it_is_read_without_any_token_and_without_the_paid_provider(
        self, read, paid, ocr, settings
    ):
        read(made.scan("scanned"), made.PDF)
        request_documents.of_media(MediaObject.objects.values_list("pk", flat=True), now=make.NOW)
        worker.drain("documents")

        assert paid.calls == []
        assert len(ocr.calls) == 2
        assert not PaidAnalysis.objects.exists()
        topics = OutboxEvent.objects.values_list("topic", flat=True)
        assert list(topics).count("posts.vision.uploaded") == 1

    def test_the_same_event_twice_is_one_reading_and_one_event(self, read, reads):
        read(b"once and never again")
        Delivery.objects.filter(queue="documents").update(state="pending", due_at=timezone.now())
        worker.drain("documents")

        assert len(reads) == len(told()) == 1

    def test_a_content_is_read_once_for_all_posts_that_show_it(self, read, reads):
        posts = [read("один и тот же файл".encode()) for _ in range(3)]

        assert len(reads) == DocumentText.objects.count() == 1
        assert {event.post_id for event in told()} == {str(post.pk) for post in posts}
        assert all(enrichment(post).status == "ok" for post in posts)

    def test_another_tenant_reads_its_own_copy(self, read, reads):
        read(b"the same bytes")
        other = make.Archive(make.tenant())
        other.post(b"the same bytes", mime=TEXT, **FILE)
        worker.drain("documents")

        assert len(reads) == 2

    def test_several_files_of_a_post_keep_their_order(self, archive):
        post = archive.post(b"first file", b"second file", mime=TEXT, **FILE)
        worker.drain("documents")

        assert [d["chars"] for d in enrichment(post).metadata["decisions"]] == [10, 11]

    @pytest.mark.parametrize(
        ("body", "mime", "status", "reason"),
        [
            (made.ENCRYPTED_PDF, made.PDF, "error", "encrypted_document"),
            (
                made.pdf("cut off somewhere in the middle")[:300],
                made.PDF,
                "error",
                "broken_document",
            ),
            (b"PK\x05\x06" + bytes(18), "application/zip", "ok", "format_not_read"),
            (made.pdf(""), made.PDF, "ok", "document_without_text"),
        ],
    )
    def test_what_cannot_be_read_says_why(self, read, body, mime, status, reason):
        post = read(body, mime)

        row = enrichment(post)
        assert (row.status, row.metadata["decisions"][0]["reason"]) == (status, reason)
        assert not Delivery.objects.filter(queue="documents").exclude(state="done").exists()

    def test_a_file_that_the_store_has_lost_is_no_endless_retry(self, archive):
        post = archive.post(b"soon gone", mime=TEXT, **FILE)
        get_store().delete(MediaObject.objects.get().s3_key)
        worker.drain("documents")

        assert enrichment(post).metadata["decisions"][0]["reason"] == "s3_missing"

    def test_a_letter_that_postgresql_cannot_store_is_left_out(self, read):
        read("до\0после".encode("utf-16"))

        assert DocumentPage.objects.get().text == "до после"


class TestScans:
    def test_pages_without_text_are_recognized_at_their_place(self, read, ocr):
        read(made.scan("one", "two"), made.PDF)

        row = DocumentText.objects.get()
        assert (row.reason, row.pages_recognized) == ("document_recognized", 2)
        assert list(row.parts.values_list("page", "is_recognized")) == [(1, True), (2, True)]

    def test_only_the_first_ones_where_there_are_many(self, read, ocr, settings):
        settings.DOCUMENTS = settings.DOCUMENTS.model_copy(update={"document_ocr_max_pages": 1})
        read(made.scan("one", "two"), made.PDF)

        row = DocumentText.objects.get()
        assert (row.outcome, row.reason, row.pages_recognized) == ("partial", "cut_scans", 1)

    def test_without_tesseract_it_waits_and_is_given_back(self, archive, monkeypatch):
        def missing():
            raise TesseractMissing("not installed")

        monkeypatch.setattr(providers, "get_ocr", missing)
        archive.post(made.scan("one"), mime=made.PDF, **FILE)
        worker.drain("documents")

        row = DocumentText.objects.get()
        assert (row.state, row.attempts) == ("requested", 0)
        assert Delivery.objects.get(subscriber=document_handlers.UPLOADED).state == "pending"

    @pytest.mark.costly
    def test_real_tesseract_reads_a_russian_scan(self, read):
        read(made.scan("Приказ о переносе\nвыходного дня"), made.PDF)

        assert "переносе" in DocumentPage.objects.get().text


class TestEdits:
    def test_a_document_that_gives_way_to_a_picture_takes_its_words_along(self, read, archive):
        post = read("слово птеродактиль".encode(), content="")
        worker.drain("search")
        assert _found("птеродактиль") == [post.pk]

        picture = archive.media(make.picture())
        PostMedia.objects.filter(post=post).delete()
        make.show(post, picture)
        _replaced(post, picture)
        worker.drain("documents")
        worker.drain("search")

        assert not PostEnrichment.objects.filter(post=post, kind="document_text").exists()
        assert _found("птеродактиль") == []

    def test_a_document_that_is_replaced_while_it_is_read_leaves_nothing(
        self, archive, monkeypatch
    ):
        post, before = archive.post(b"the old one", mime=TEXT, **FILE), process.read

        def replaced_meanwhile(file, folder, limits):
            if PostMedia.objects.filter(media_object__file_sha256=old).exists():
                PostMedia.objects.filter(post=post).delete()
                new = archive.media(b"the new one", TEXT)
                make.show(post, new)
                _replaced(post, new)
            return before(file, folder, limits)

        old = MediaObject.objects.get().file_sha256
        monkeypatch.setattr(process, "read", replaced_meanwhile)
        worker.drain("documents")

        [decision] = enrichment(post).metadata["decisions"]
        assert decision["sha256"] != old


def _replaced(post: Post, *media: MediaObject) -> None:
    from django.db import transaction  # noqa: PLC0415

    from events import outbox  # noqa: PLC0415
    from media.posts import post_events  # noqa: PLC0415

    post.revision += 1
    with transaction.atomic():
        outbox.publish(
            post_events.uploaded(post, list(media), first=False, now=make.NOW, trace_id="t")
        )


class TestRaces:
    def test_two_workers_read_one_content_once(self, archive, reads, monkeypatch):
        posts = [archive.post(b"wanted by two", mime=TEXT, **FILE) for _ in range(2)]
        inside, go_on, before = threading.Event(), threading.Event(), process.read

        def slow(*arguments):
            inside.set()
            assert go_on.wait(10)
            return before(*arguments)

        monkeypatch.setattr(process, "read", slow)

        def first() -> None:
            services.read_documents(posts[0].pk, tenant_id=posts[0].tenant_id, now=timezone.now())
            connections.close_all()

        thread = threading.Thread(target=first)
        thread.start()
        assert inside.wait(10)
        with pytest.raises(RetryLater):
            services.read_documents(posts[1].pk, tenant_id=posts[1].tenant_id, now=timezone.now())
        go_on.set()
        thread.join()
        services.read_documents(posts[1].pk, tenant_id=posts[1].tenant_id, now=timezone.now())

        assert len(reads) == 1
        assert len(told()) == 2

    def test_the_document_of_a_worker_that_was_killed_is_read_by_another(self, archive, read):
        archive.post(b"left behind", mime=TEXT, **FILE)
        media = MediaObject.objects.get()
        claim = claims.claim(media, now=timezone.now())
        claims._in_hand.discard(claim)  # what a process that is gone knows of it

        assert claims.release_stale_claims(now=timezone.now()) == 1
        worker.drain("documents")

        row = DocumentText.objects.get()
        assert (row.state, row.outcome, row.attempts) == ("done", "analyzed", 0)

    def test_a_living_worker_keeps_its_claim_until_its_lease_ends(self, archive):
        archive.post(b"in work", mime=TEXT, **FILE)
        media, now = MediaObject.objects.get(), timezone.now()
        claim = claims.claim(media, now=now)

        assert claims.release_stale_claims(now=now) == 0
        with pytest.raises(RetryLater):
            claims.claim(media, now=now)
        assert claims.claim(media, now=now + claims.LEASE) is not None
        assert not claims.settle(claim, media, services.refused("encrypted_document"), now=now)

    def test_a_document_that_kills_its_workers_is_given_up(self, archive):
        post = archive.post(b"deadly", mime=TEXT, **FILE)
        media, now = MediaObject.objects.get(), timezone.now()
        for _ in range(claims.MOST_ATTEMPTS):
            claims._in_hand.discard(claims.claim(media, now=now))
            claims.release_stale_claims(now=now)

        worker.drain("documents")

        assert enrichment(post).metadata["decisions"][0]["reason"] == "reading_given_up"

    def test_a_failing_worker_gives_its_claim_back_and_at_last_somebody_hears_of_it(
        self, archive, monkeypatch
    ):
        def broken(*_):
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr(process, "read", broken)
        before = set(claims._in_hand)
        post = archive.post(b"unlucky", mime=TEXT, **FILE)
        for _ in range(5):
            Delivery.objects.filter(queue="documents").update(due_at=timezone.now())
            worker.drain("documents")
        worker.drain("default")

        assert Delivery.objects.get(subscriber=document_handlers.UPLOADED).state == "dead"
        assert enrichment(post).metadata["decisions"][0]["reason"] == "reading_given_up"
        assert claims._in_hand == before

    def test_nothing_is_claimed_while_the_claim_of_a_gone_worker_is_doubted(self, archive):
        archive.post(b"whose", mime=TEXT, **FILE)
        media, now = MediaObject.objects.get(), timezone.now()
        claims._in_hand.discard(claims.claim(media, now=now))
        DocumentText.objects.update(claimed_by="00000000-0000-4000-8000-000000000001")

        assert not liveness.is_gone(DocumentText.objects.get().claimed_by)
        with pytest.raises(RetryLater):
            claims.claim(media, now=now + timedelta(minutes=1))


class TestAgain:
    def test_a_person_asks_again_and_every_post_learns_of_it(self, read, reads):
        posts = [read(b"a file to be read again") for _ in range(2)]
        DocumentText.objects.update(outcome="failed", reason="reading_too_slow", chars=0)
        DocumentPage.objects.all().delete()

        assert request_documents.of_posts([posts[0].pk], now=make.NOW) == 1
        worker.drain("documents")

        assert len(reads) == 2
        assert DocumentText.objects.get().outcome == "analyzed"
        assert all(
            enrichment(post).metadata["decisions"][0]["outcome"] == "analyzed" for post in posts
        )

    def test_old_words_serve_until_the_new_ones_are_there(self, read):
        post = read("слово мастодонт".encode(), content="")
        request_documents.of_posts([post.pk], now=make.NOW)
        worker.drain("search")

        assert _found("мастодонт") == [post.pk]

    def test_switched_off_it_says_so(self, read, settings):
        post = read(b"whatever")
        settings.DOCUMENTS = settings.DOCUMENTS.model_copy(
            update={"feature_document_text_enabled": False}
        )

        with pytest.raises(request_documents.ReadingSwitchedOff):
            request_documents.of_posts([post.pk], now=make.NOW)


class TestSearch:
    def test_words_of_a_document_find_its_post_and_name_the_page(self, read):
        post = read(made.pdf("Nothing of note here", "The walrus waits here"), made.PDF, content="")
        worker.drain("search")

        [one] = shown(search(get_user_model().objects.create_superuser("r"), "walrus"))
        assert one.post.pk == post.pk
        assert (one.file.page, one.file.name) == (2, "План двора.pdf")
        assert one.fragment.text == "The walrus waits here"
        assert place(one.file).startswith("План двора.pdf")

    def test_a_word_of_the_text_is_shown_in_the_text(self, read):
        read("морж в файле".encode(), content="морж в тексте")
        worker.drain("search")

        [one] = shown(search(get_user_model().objects.create_superuser("r"), "морж"))
        assert one.file is None
        assert one.fragment.text == "морж в тексте"

    def test_the_text_weighs_more_than_the_file(self, read):
        in_file = read("опоссум".encode(), content="сумчатые")
        in_text = read("сумчатые".encode() + b" 2", content="опоссум")
        worker.drain("search")

        assert _found("опоссум") == [in_text.pk, in_file.pk]

    @pytest.mark.costly
    def test_a_match_far_behind_is_shown(self, read):
        body = "\n".join(f"строка номер {n}" for n in range(6000)) + "\nтам далеко кашалот"
        read(body.encode("cp1251")[:99_000] + " и кашалот".encode("cp1251"), content="")
        worker.drain("search")

        [one] = shown(search(get_user_model().objects.create_superuser("r"), "кашалот"))
        assert "кашалот" in one.fragment.text
        assert one.fragment.spans

    def test_yo_and_ye_are_one_letter_in_files(self, read):
        post = read("Отчёт о приёме".encode(), content="")
        worker.drain("search")

        assert _found("приема") == [post.pk]
        [one] = shown(search(get_user_model().objects.create_superuser("y"), "отчет"))
        assert one.fragment.spans == ((0, 5),)

    def test_whose_post_has_only_a_file_is_shown_by_its_beginning(self, read):
        read("Так начинается файл".encode(), content="")
        worker.drain("search")

        [one] = shown(search(get_user_model().objects.create_superuser("r"), "has:document"))
        assert one.fragment.text == "Так начинается файл"

    def test_whoever_may_not_see_the_post_finds_nothing(self, read):
        read("тайный документ".encode(), content="")
        worker.drain("search")
        stranger = make.member("viewer", make.tenant())

        assert not search(stranger, "тайный").hits


def _found(text: str) -> list:
    user = get_user_model().objects.filter(is_superuser=True).first() or make.superuser()
    return [hit.post_id for hit in search(user, text).hits if hit.words]


class TestConsole:
    def test_pages_of_post_and_file_say_what_was_read_and_ask_again(self, operator, read):
        post = read(made.ENCRYPTED_PDF, made.PDF)
        media = MediaObject.objects.get()

        on_post = operator.get(page_of(Post, post.pk)).content.decode()
        on_media = operator.get(page_of(MediaObject, media.pk)).content.decode()
        assert "encrypted_document" in on_post
        assert "encrypted_document" in on_media or "needs a password" in on_media

        chosen = {"action": "read_again", "_selected_action": [media.pk]}
        operator.post(list_of(DocumentText), chosen)
        assert DocumentText.objects.get().state == "requested"
        operator.post(
            list_of(Post), {"action": "read_documents_again", "_selected_action": [post.pk]}
        )
        assert OutboxEvent.objects.filter(topic="posts.documents.requested").count() == 2

    def test_what_a_file_says_is_no_markup(self, operator, read):
        read(b"<script>alert(1)</script> as text", mime=TEXT)

        page = operator.get(page_of(DocumentText, MediaObject.objects.get().pk)).content.decode()
        assert "<script>alert(1)" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_documents_of_a_post_are_read_by_two_queries(archive, django_assert_num_queries):
    post = archive.post(*[f"file {n}".encode() for n in range(5)], mime=TEXT, **FILE)

    with django_assert_num_queries(1):
        assert len(document_enrichment.documents_of(post.pk)) == 5


def test_the_fake_provider_is_the_one_that_is_asked(ocr):
    assert isinstance(providers.get_ocr(), FakeVision)
