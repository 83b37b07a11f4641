"""
Hostile and odd pictures on the whole path of a post: import, thumbnail, paid analysis, OCR.

A decision about each, a defect of what nobody can look at, and nothing paid for it.
"""

import io
from datetime import UTC
from pathlib import Path

import pytest
from PIL import Image

from accounts import tenants
from events.models import Delivery
from media.imaging import ImageRefused
from media.models import MediaObject, Post
from media.services import imports
from media.sources.export import ExportSource
from media.thumbnails import shrink
from tests.integration.paid import digest, drain, paid_tokens
from tests.unit.exports import chat, message, write
from tests.unit.pictures import encoded, page
from tests.unit.test_hostile_pictures import png, with_scans
from tests.unit.test_picture_structure import png_of
from vision import handlers
from vision.models import EnrichmentKind, PaidAnalysis, PostEnrichment

pytestmark = pytest.mark.django_db(transaction=True)

NOISE = Image.effect_noise((90, 90), 50)
TEXT = page(("Причал открыт", "Лодки выдают"))
UNREADABLE = {
    "scans.jpg": (with_scans(2000), "broken_image"),
    "palette.png": (png(kind=3, rows=bytes(41 * 30)), "broken_image"),
    "pixels.png": (png_of(60_000, 60_000, b""), "too_many_pixels"),
    "nothing.png": (png_of(0, 30, b""), "broken_image"),
    "cut.heic": (encoded(NOISE, "HEIF")[:-300], "broken_image"),
    "cut.webp": (encoded(NOISE, "WEBP")[:-300], "broken_image"),
    "cut.jpg": (encoded(NOISE, "JPEG")[:-300], "broken_image"),
}
"""Files, and the defect that is known of each in the end."""
NO_PICTURES = {
    "svg.jpg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "next.jpg": b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a" + bytes(99),
    "script.jpg": b"<html><script>alert(1)</script>",
}
BLANK = {"dot.png": encoded(Image.new("L", (1, 1)))}
ODD = {
    "line.png": encoded(Image.linear_gradient("L").resize((1, 60_000), Image.Resampling.NEAREST)),
    "lies.jpg": encoded(TEXT, "PNG"),
    "zip.jpg": encoded(NOISE, "JPEG") + b"PK\x03\x04" + bytes(999),
    "cmyk.jpg": encoded(page(("Касса",)).convert("CMYK"), "JPEG"),
    "frames.webp": encoded(
        NOISE, "WEBP", save_all=True, duration=20,
        append_images=[Image.effect_noise((90, 90), n) for n in range(60, 120, 20)],
    ),
}  # fmt: skip
"""What somebody can look at."""


def imported(folder: Path, files: dict[str, bytes]) -> dict[str, Post]:
    """The posts of an export with a message for each file, by its name."""
    (folder / "photos").mkdir(parents=True)
    for name, body in files.items():
        (folder / "photos" / name).write_bytes(body)
    posts = [message(n, photo=f"photos/{name}") for n, name in enumerate(files, 1)]
    source = ExportSource(write(folder, chat(posts)), zone=UTC)
    imports.import_export(source=source, path=folder, tenant=tenants.default_tenant())
    stored = {post.telegram_message_id: post for post in Post.objects.all()}
    return {name: stored[number] for number, name in enumerate(files, 1)}


def decision(post: Post) -> dict:
    return PostEnrichment.objects.get(post=post, kind=EnrichmentKind.VISION).metadata["decisions"][
        0
    ]


def test_each_file_ends_in_a_decision_and_nothing_is_paid_for_what_nobody_can_read(
    tmp_path, preparing
):
    broken = {name: body for name, (body, _) in UNREADABLE.items()}
    posts = imported(tmp_path, broken | NO_PICTURES | BLANK | ODD)

    drain(rounds=3)

    analyses = Delivery.objects.filter(subscriber__in=[handlers.ANALYZE, handlers.ANALYZE_BACKFILL])
    assert set(analyses.values_list("state", flat=True)) == {"done"}
    told = {name: decision(post) for name, post in posts.items()}
    assert {told[name]["outcome"] for name in ODD} == {"analyzed"}
    assert {told[name]["outcome"] for name in broken} == {"failed"}
    assert {told[name]["outcome"] for name in NO_PICTURES} == {"skipped"}
    assert {told[name]["reason"] for name in BLANK} == {"blank_picture"}
    assert {one["tokens"] for name, one in told.items() if name not in ODD} == {0}
    assert len(preparing.calls) == PaidAnalysis.objects.filter(state="done").count() == len(ODD)
    assert preparing.billed == paid_tokens() == sum(told[name]["tokens"] for name in ODD)
    defects = dict(MediaObject.objects.exclude(defect="").values_list("file_sha256", "defect"))
    assert defects == {digest(body): defect for body, defect in UNREADABLE.values()}


def test_each_has_a_thumbnail_or_none():
    for body in [*ODD.values(), *BLANK.values()]:
        assert Image.open(io.BytesIO(shrink(body))).format == "JPEG"
    for body in [*NO_PICTURES.values(), *(body for body, _ in UNREADABLE.values())]:
        with pytest.raises(ImageRefused):
            shrink(body)
