"""Pictures that nobody can look at are problems of the import that brought them."""

import io
import json
import shutil
import zlib
from datetime import UTC
from pathlib import Path

import pytest
from django.core.management import call_command
from PIL import Image

from accounts import tenants
from media.models import ImportProblem, ImportRun, MediaObject, Post
from media.picture_structure import PictureDefect
from media.services import imports
from media.services.defects import record_defect
from media.sources.export import ExportSource
from tests.unit.exports import chat, message, write
from tests.unit.test_picture_structure import GIF_BOMB as BOMB
from tests.unit.test_picture_structure import png_of

pytestmark = pytest.mark.django_db(transaction=True)

HOLLOW = png_of(40, 30, zlib.compress(b"too few pixels"))
"""Whole as far as its structure shows; only decoding finds that pixels are missing."""


def encoded(image_format: str, color: str = "white") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(buffer, image_format)
    return buffer.getvalue()


def export(folder: Path, *files: bytes) -> Path:
    """A message for each file, from id 1, and one more that is whole."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    posts = []
    for number, content in enumerate([*files, encoded("JPEG", "red")], 1):
        (folder / "photos" / f"{number}.jpg").write_bytes(content)
        posts.append(message(number, photo=f"photos/{number}.jpg"))
    return write(folder, chat(posts))


def run(folder: Path) -> imports.ImportSummary:
    source = ExportSource(folder, zone=UTC)
    return imports.import_export(source=source, path=folder, tenant=tenants.default_tenant())


def problems(run: ImportRun | None = None) -> list[tuple[str, int, str]]:
    found = ImportProblem.objects.order_by("id")
    if run is not None:
        found = found.filter(run=run)
    return list(found.values_list("code", "message_id", "detail"))


def read() -> None:
    call_command("drain", "--until-idle", stdout=io.StringIO(), stderr=io.StringIO())


def test_broken_pictures_and_bombs_are_named_with_file_and_message(tmp_path):
    jpeg, png = encoded("JPEG"), encoded("PNG")
    flipped = png.replace(b"IDAT", b"IDAT", 1)
    at = flipped.index(b"IDAT") + 6
    flipped = flipped[:at] + bytes([flipped[at] ^ 1]) + flipped[at + 1 :]

    summary = run(export(tmp_path, jpeg[:-40], flipped, BOMB, encoded("WEBP")[:-8]))

    assert [(p.code, p.message_id, p.detail.split(":")[0]) for p in summary.problems] == [
        ("broken_image", 1, "photos/1.jpg"),
        ("broken_image", 2, "photos/2.jpg"),
        ("too_many_pixels", 3, "photos/3.jpg"),
        ("broken_image", 4, "photos/4.jpg"),
    ]
    assert not summary.clean
    recorded = ImportRun.objects.get().summary
    assert [recorded[name] for name in ("problems", "broken_image", "too_many_pixels", "new")] == [
        4, 3, 1, 5,
    ]  # fmt: skip
    # The files are stored as they are: another program may be able to show them.
    assert set(Post.objects.values_list("media_state", flat=True)) == {"stored"}
    assert dict(MediaObject.objects.values_list("mime", "defect"))["image/gif"] == "too_many_pixels"


def test_a_second_import_does_not_claim_to_be_clean(tmp_path):
    folder = export(tmp_path, BOMB)
    first, second = run(folder), run(folder)

    assert second.counts["unchanged"] == 2
    for summary in (first, second):
        assert [(p.code, p.message_id) for p in summary.problems] == [("too_many_pixels", 1)]
        assert summary.problems[0].detail.startswith("photos/1.jpg: ")
    assert "4294836225 pixels, and the limit is 50000000" in first.problems[0].detail


@pytest.mark.parametrize(("arguments", "code"), [([], 1), (["--problems-ok"], 0)])
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_scripts_that_go_on_ask_for_exit_code_0(tmp_path, arguments, code, dry):
    out, exit_code = io.StringIO(), 0
    try:
        call_command(
            "import_export", str(export(tmp_path, BOMB)), "--json", *arguments, *dry,
            stdout=out, stderr=io.StringIO(),
        )  # fmt: skip
    except SystemExit as end:
        exit_code = end.code

    report = json.loads(out.getvalue())
    assert (exit_code, report["problems"], report["too_many_pixels"]) == (code, 1, 1)
    assert report["details"][0]["code"] == "too_many_pixels"


@pytest.mark.costly
def test_what_only_decoding_shows_is_added_to_the_problems_when_the_picture_is_read(tmp_path):
    folder = export(tmp_path, HOLLOW)
    assert run(folder).clean

    read()
    read()

    [(code, message_id, detail)] = problems()
    assert (code, message_id) == ("broken_image", 1)
    assert "1.jpg: " in detail
    summary = ImportRun.objects.get().summary
    assert (summary["problems"], summary["broken_image"]) == (1, 1)
    assert MediaObject.objects.exclude(defect="").get().mime == "image/png"
    again = run(folder)
    assert [(p.code, p.message_id) for p in again.problems] == [("broken_image", 1)]


def test_a_picture_that_is_known_to_be_hollow_is_a_problem_of_every_import_that_brings_it(tmp_path):
    run(export(tmp_path / "a", HOLLOW))
    read()
    other = export(tmp_path / "b", HOLLOW)
    shutil.copy(other / "result.json", other / "x.json")
    content = json.loads((other / "result.json").read_text())
    write(other, content | {"id": 77})

    summary = run(other)

    assert [(p.code, p.message_id) for p in summary.problems] == [("broken_image", 1)]


@pytest.mark.costly
def test_a_broken_picture_that_the_import_named_is_not_named_again_by_who_reads_it(tmp_path):
    run(export(tmp_path, encoded("PNG")[:-30], BOMB))
    before = problems()

    read()

    assert problems() == before
    assert len(before) == ImportRun.objects.get().summary["problems"] == 2


def test_what_is_found_while_the_import_still_runs_is_counted_at_its_end(tmp_path):
    folder = export(tmp_path, HOLLOW)
    source = ExportSource(folder, zone=UTC)

    def read_now(_):
        if Post.objects.filter(telegram_message_id=1).exists():
            read()

    summary = imports.import_export(
        source=source, path=folder, tenant=tenants.default_tenant(), observe=read_now
    )

    assert len(problems()) == 1
    assert (summary.counts["problems"], summary.counts["broken_image"]) == (1, 1)
    assert ImportRun.objects.get().summary["problems"] == 1
    assert not summary.clean


def test_the_problem_goes_to_the_import_that_brought_the_picture(tmp_path):
    run(export(tmp_path / "a", HOLLOW))
    first = ImportRun.objects.get()
    write(tmp_path / "b", chat([message(9, text="later")], id=5))
    run(tmp_path / "b")
    post = Post.objects.get(telegram_message_id=1)
    sha256 = post.media.get().file_sha256

    recorded = [
        record_defect(post=post, sha256=sha256, defect=PictureDefect.BROKEN_IMAGE, detail="no")
        for _ in range(2)
    ]

    assert recorded == [True, False]
    assert problems(first) == [("broken_image", 1, "1.jpg: no")]
    assert (
        record_defect(post=post, sha256="0" * 64, defect=PictureDefect.BROKEN_IMAGE, detail="")
        is False
    )
