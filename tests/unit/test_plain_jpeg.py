"""The size of a plain JPEG is read without Pillow, and is never another one than Pillow's."""

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from media import file_metadata
from media.file_metadata import read_metadata
from media.plain_jpeg import read_plain_jpeg

EXIF = Image.Exif()
EXIF[0x0112] = 6


def jpeg(size=(61, 40), mode="RGB", **options) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 90).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


PLAIN = [
    jpeg(),
    jpeg(mode="L"),
    jpeg(progressive=True),
    jpeg(comment=b"\xff\xd9\xff\xda"),
    jpeg(quality=95, subsampling=0),
    jpeg(dpi=(72, 72)),
]
OTHER = [jpeg(mode="CMYK"), jpeg(exif=EXIF), jpeg(icc_profile=b"profile" * 9)]
WHOLE = [*PLAIN, *OTHER]


def by_pillow(content: bytes, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_metadata, "read_plain_jpeg", lambda _: None)
        return read_metadata(io.BytesIO(content), **options)


@pytest.mark.parametrize("content", PLAIN)
def test_a_plain_jpeg_needs_no_pillow(content, monkeypatch):
    expected = by_pillow(content)
    monkeypatch.setattr(Image, "open", None)

    assert read_metadata(io.BytesIO(content)) == expected
    assert (expected.width, expected.height) == (61, 40)


@pytest.mark.parametrize("content", OTHER)
def test_what_may_turn_or_color_a_picture_is_left_to_pillow(content):
    assert read_plain_jpeg(content) is None
    assert read_metadata(io.BytesIO(content)) == by_pillow(content)


def test_a_picture_over_the_limit_is_told_in_the_same_words():
    found = read_metadata(io.BytesIO(PLAIN[0]), max_pixels=61 * 40 - 1)

    assert found == by_pillow(PLAIN[0], max_pixels=61 * 40 - 1)
    assert found.defect


@given(
    content=st.sampled_from(WHOLE),
    changes=st.lists(
        st.tuples(st.integers(0, 700), st.integers(0, 255) | st.sampled_from([0xFF, 0xDA])),
        max_size=4,
    ),
    length=st.integers(0, 4000),
    tail=st.binary(max_size=3),
)
@example(content=PLAIN[0], changes=[], length=4000, tail=b"\0" * 200_000)
def test_a_damaged_jpeg_is_judged_as_by_pillow(content, changes, length, tail):
    damaged = bytearray(content[:length])
    for at, byte in changes:
        if at < len(damaged):
            damaged[at] = byte

    assert read_metadata(io.BytesIO(bytes(damaged) + tail)) == by_pillow(bytes(damaged) + tail)


def test_real_pictures_are_judged_as_by_pillow(shared_data):
    for path in sorted(shared_data.rglob("*.jp*g"))[:100]:
        with path.open("rb") as file:
            assert read_metadata(file) == by_pillow(path.read_bytes()), path
