"""What the bytes of a picture show without decoding a pixel."""

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from media.file_metadata import read_metadata
from media.picture_structure import PictureDefect

FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "JPEG2000", "HEIF", "AVIF"]


def encoded(image_format: str, **options) -> bytes:
    # Noise, so that a cut hits pixels and not only headers.
    picture = Image.effect_noise((60, 40), 90).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, image_format, **options)
    return buffer.getvalue()


WHOLE = {image_format: encoded(image_format) for image_format in FORMATS}


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        struct.pack(">I", len(content)) + kind + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + body


def png_of(width: int, height: int, pixels: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return png((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))


GIF_BOMB = (
    b"GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02\x44\x01\x00;"
)
"""65 535 × 65 535 pixels, of which it has one."""


def defect_of(content: bytes, **options) -> str:
    return read_metadata(io.BytesIO(content), **options).defect or ""


@pytest.fixture
def never_decoding(monkeypatch):
    def load(*_):
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)


@pytest.mark.usefixtures("never_decoding")
@pytest.mark.parametrize("image_format", [*FORMATS, "TIFF", "BMP"])
def test_a_whole_picture_has_no_defect(image_format):
    assert defect_of(encoded(image_format)) == ""


@pytest.mark.parametrize(
    "options", [{"progressive": True}, {"quality": 1}, {"comment": b"\xff\xd9"}]
)
def test_every_kind_of_jpeg_is_whole(options):
    assert defect_of(encoded("JPEG", **options)) == ""


def test_an_animation_is_whole():
    frames = [Image.new("P", (9, 9), n) for n in range(3)]
    for image_format in ("GIF", "PNG", "WEBP"):
        buffer = io.BytesIO()
        frames[0].save(buffer, image_format, save_all=True, append_images=frames[1:])

        assert defect_of(buffer.getvalue()) == ""


def test_what_phones_put_behind_a_jpeg_does_no_harm():
    assert defect_of(WHOLE["JPEG"] + b"a film" * 1000) == ""


@pytest.mark.parametrize("image_format", FORMATS)
@given(data=st.data())
def test_a_picture_that_is_cut_off_anywhere_is_broken(image_format, data):
    whole = WHOLE[image_format]
    cut = data.draw(st.integers(100, len(whole) - 2))

    found = read_metadata(io.BytesIO(whole[:cut]))

    assert found.mime.startswith("image/")
    assert found.defect == PictureDefect.BROKEN_IMAGE
    assert found.defect_detail


@given(at=st.integers(8, len(WHOLE["PNG"]) - 1), bit=st.integers(0, 7))
def test_any_bit_that_flips_in_a_png_breaks_its_check_sums(at, bit):
    damaged = bytearray(WHOLE["PNG"])
    damaged[at] ^= 1 << bit

    assert defect_of(bytes(damaged)) in {"broken_image", "too_many_pixels"}


@pytest.mark.usefixtures("never_decoding")
@pytest.mark.parametrize(
    "bomb",
    [
        GIF_BOMB,
        png_of(100_000, 100_000, zlib.compress(b"\x00" * 100_000)),
        png_of(10_000, 6_000, zlib.compress(b"\x00" * 100_000)),
    ],
)
def test_a_bomb_is_known_by_the_pixels_it_declares(bomb):
    assert defect_of(bomb) == PictureDefect.TOO_MANY_PIXELS


def test_the_limit_is_the_one_of_who_reads_the_picture():
    assert defect_of(WHOLE["JPEG"], max_pixels=60 * 40) == ""
    found = read_metadata(io.BytesIO(WHOLE["JPEG"]), max_pixels=60 * 40 - 1)

    assert (found.defect, found.width) == (PictureDefect.TOO_MANY_PIXELS, 60)
    assert "60 × 40" in found.defect_detail


def test_a_side_that_no_column_holds_is_a_broken_header():
    assert read_metadata(io.BytesIO(png_of(2**32 - 1, 0, b""))).width is None


@given(content=st.binary(max_size=200), start=st.sampled_from([w[:30] for w in WHOLE.values()]))
def test_garbage_behind_any_header_never_raises(content, start):
    found = read_metadata(io.BytesIO(start + content))

    assert found.mime.partition("/")[0] in {"image", "video", "audio", "text", "application"}


@given(content=st.binary(max_size=64))
def test_no_bytes_have_a_type_that_the_archive_refuses(content):
    assert read_metadata(io.BytesIO(content)).mime.partition("/")[0] in {
        "image", "video", "audio", "text", "application",
    }  # fmt: skip
