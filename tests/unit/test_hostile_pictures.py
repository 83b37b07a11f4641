"""Files that are made to hurt: each is a refusal that names its reason, in bounded time."""

import io
import struct
import time
import zlib

import pytest
from PIL import Image

from media.file_metadata import read_metadata
from media.imaging import ImageRefused, jpeg_scans, open_on_grounds, open_upright
from media.picture_structure import PictureDefect
from media.thumbnails import shrink
from tests.unit.pictures import encoded, page
from tests.unit.test_picture_structure import png_of
from vision.duplicates.phash import distance, phash
from vision.duplicates.pixel_match import Original, is_duplicate
from vision.providers.gigachat import preprocess
from vision.providers.gigachat.preprocess import PreprocessOptions
from vision.providers.port import ProviderRefused

ORIENTATION = 0x0112
TURNS = {  # how a picture is stored for each orientation, so that it is seen upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def chunk(kind: bytes, content: bytes) -> bytes:
    sum_ = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + sum_


def png(*, kind: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG of 40 × 30 pixels; `kind` is its type of color."""
    header = struct.pack(">IIBBBBB", 40, 30, 8, kind, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + pixels + chunk(b"IEND", b"")


def progressive(size: int = 64) -> tuple[bytes, bytes]:
    """A progressive JPEG without its end mark, and its last scan, which may be repeated."""
    body = encoded(Image.effect_noise((size, size), 60), "JPEG", progressive=True)
    return body[:-2], body[body.rindex(b"\xff\xda") : -2]


def with_scans(number: int) -> bytes:
    begin, last = progressive()
    return begin + last * (number - begin.count(b"\xff\xda")) + b"\xff\xd9"


def refusals(body: bytes) -> set[str]:
    """Why the picture is refused by all that look at pictures."""

    def of(call) -> str:
        with pytest.raises((ImageRefused, ProviderRefused)) as refused:
            call()
        return refused.value.reason

    return {
        of(lambda: open_upright(body)),
        of(lambda: next(open_on_grounds(body))),
        of(lambda: preprocess.prepare(body, PreprocessOptions())),
        of(lambda: shrink(body)),
        of(lambda: phash(body)),
    }


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded():
    huge = encoded(Image.new("L", (7000, 7000)), "JPEG", progressive=True)
    last = huge[huge.rindex(b"\xff\xda") : -2]
    body = huge[:-2] + last * 20_000 + b"\xff\xd9"

    started = time.process_time()

    assert refusals(body) == {"broken_image"}
    assert time.process_time() - started < 5  # of one look: a quarter of an hour


def test_as_many_scans_as_any_encoder_writes_are_decoded():
    whole = open_upright(with_scans(jpeg_scans.MAX_SCANS))

    assert whole.size == (64, 64)
    with pytest.raises(ImageRefused, match="more than 100 scans"):
        open_upright(with_scans(jpeg_scans.MAX_SCANS + 1))


@pytest.mark.parametrize("where", ["metadata", "a picture behind it", "anything behind it"])
def test_what_only_looks_like_scans_is_not_counted(where):
    plain = encoded(Image.effect_noise((64, 64), 60), "JPEG")
    looks = b"\xff\xda\x00\x02" * 500
    body = {
        "metadata": plain[:2] + b"\xff\xef" + struct.pack(">H", len(looks) + 2) + looks + plain[2:],
        "a picture behind it": plain + plain * 150,
        "anything behind it": plain + looks,
    }[where]

    assert body.count(b"\xff\xda") > jpeg_scans.MAX_SCANS
    assert open_upright(body).size == (64, 64)


def test_a_png_that_lacks_its_palette_is_broken():
    assert refusals(png(kind=3, rows=bytes(41 * 30))) == {"broken_image"}


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_text_that_unpacks_to_gigabytes_is_a_defect_of_the_file(kind):
    packed = zlib.compress(bytes(20 * 2**20), 9)
    begin = b"Comment\0\1\0\0\0" if kind == b"iTXt" else b"Comment\0\0"
    body = png(kind=0, rows=bytes(41 * 30), extra=chunk(kind, begin + packed))

    found = read_metadata(io.BytesIO(body))

    assert found.defect is PictureDefect.BROKEN_IMAGE
    assert refusals(body) == {"broken_image"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (png_of(0, 30, b""), "unsupported_format"),
        (png_of(30, 0, b""), "unsupported_format"),
        (b"", "empty_image"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported_format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported_format"),
        (b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a" + bytes(99), "unsupported_format"),
        (b"\xff\xd8\xff\xd9", "unsupported_format"),
        (encoded(Image.effect_noise((90, 90), 50), "HEIF")[:-300], "broken_image"),
        (encoded(Image.effect_noise((90, 90), 50), "WEBP")[:-300], "broken_image"),
    ],
)
def test_what_is_no_whole_picture_is_refused_by_all(body, reason):
    assert refusals(body) == {reason}


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (1, 1)])
def test_a_line_of_pixels_is_looked_at(size):
    dark = Image.new("L", size)
    dark.paste(255, (0, 0, (size[0] + 1) // 2, (size[1] + 1) // 2))
    body = encoded(dark)

    assert read_metadata(io.BytesIO(body)).defect is None
    assert open_upright(body).size == size
    assert len(shrink(body)) > 100
    phash(body)
    if max(size) > 1:  # one pixel is blank
        sent = Image.open(io.BytesIO(preprocess.prepare(body, PreprocessOptions())))
        assert max(sent.size) == 1024


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG"])
def test_thousands_of_frames_take_a_second_or_two(name):
    frames = [Image.new("L", (40, 30), n % 256) for n in range(3000)]
    body = encoded(frames[0], name, save_all=True, append_images=frames[1:], duration=20)

    started = time.process_time()

    assert open_upright(body).size == (40, 30)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_each_orientation_is_seen_upright_and_is_a_duplicate_of_the_others(name):
    upright = page(("Причал открыт с девяти", "Лодки выдают по паспорту"))
    reference = Original(encoded(upright, name))
    of_reference = phash(reference.body)

    for number, turn in TURNS.items():
        exif = Image.Exif()
        exif[ORIENTATION] = number
        body = encoded(upright.transpose(turn), name, exif=exif)

        sent = Image.open(io.BytesIO(preprocess.prepare(body, PreprocessOptions())))

        assert sent.size == upright.size, number
        assert distance(phash(body), of_reference) <= 8, number
        assert is_duplicate(Original(body), reference), number
        found = read_metadata(io.BytesIO(body))
        assert (found.width, found.height) == upright.size, number
