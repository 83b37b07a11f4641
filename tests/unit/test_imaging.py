"""Decoding: every format a post can bring, and every way a file can lie."""

import io
import warnings

import pytest
from PIL import Image

from media.imaging import ImageFacts, ImageRefused, open_upright, probe

ORIENTATION = 0x0112
SIDEWAYS = 6
WHITE = (255, 255, 255)
SCREEN_1X1 = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
PIXEL_DATA = b"\x00\x02\x02\x44\x01\x00"


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def encoded():
    def _(picture, image_format, **options):
        buffer = io.BytesIO()
        picture.save(buffer, image_format, **options)
        return buffer.getvalue()

    return _


@pytest.fixture
def wide():
    """40 × 20, the left half red: a turn shows."""
    picture = Image.new("RGB", (40, 20), "white")
    picture.paste("red", (0, 0, 20, 20))
    return picture


def gif_frame(width, height):
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    return b"\x2c\x00\x00\x00\x00" + size + PIXEL_DATA


def reason_of(call):
    with pytest.raises(ImageRefused) as refused:
        call()
    return refused.value.reason


@pytest.mark.parametrize(
    ("image_format", "mime"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("TIFF", "image/tiff"),
        ("BMP", "image/bmp"),
        ("JPEG2000", "image/jp2"),
        ("HEIF", "image/heic"),
        ("AVIF", "image/avif"),
    ],
)
def test_every_accepted_format_is_probed_and_opened(encoded, wide, image_format, mime):
    image = encoded(wide, image_format)

    assert probe(image) == ImageFacts(mime, 40, 20, 1)
    assert open_upright(image).size == (40, 20)
    assert open_upright(image).mode == "RGB"


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_picture_with_an_exif_rotation_is_set_upright(encoded, wide, image_format):
    exif = Image.Exif()
    exif[ORIENTATION] = SIDEWAYS
    image = encoded(wide, image_format, exif=exif)

    upright = open_upright(image)

    assert upright.size == (20, 40) == (probe(image).width, probe(image).height)
    assert upright.getpixel((10, 5))[1] < 100  # what was left is now on top
    assert upright.getpixel((10, 35))[1] > 200


def test_a_nonsense_exif_rotation_is_ignored(encoded, wide):
    exif = Image.Exif()
    exif[ORIENTATION] = 77

    assert open_upright(encoded(wide, "PNG", exif=exif)).size == (40, 20)


def test_a_corrupt_exif_block_does_not_spoil_the_picture(encoded, wide):
    image = encoded(wide, "PNG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")

    assert open_upright(image).size == (40, 20)


def test_transparency_is_shown_on_white(encoded):
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))

    assert open_upright(encoded(clear, "PNG")).getpixel((0, 0)) == WHITE


def test_gray_transparency_stays_gray(encoded):
    clear = Image.new("LA", (4, 4), (0, 0))

    opened = open_upright(encoded(clear, "PNG"))

    assert (opened.mode, opened.getpixel((0, 0))) == ("L", 255)


def test_a_palette_with_a_transparent_color_is_shown_on_white(encoded):
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 0, 0, 9, 9, 9])

    opened = open_upright(encoded(palette, "PNG", transparency=0))

    assert opened.getpixel((0, 0)) == WHITE


def test_cmyk_becomes_rgb(encoded):
    image = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95)

    red, green, blue = open_upright(image).getpixel((4, 4))

    assert red > 200
    assert max(green, blue) < 60


def test_one_bit_becomes_gray(encoded):
    opened = open_upright(encoded(Image.new("1", (8, 8), 1), "TIFF"))

    assert (opened.mode, opened.getpixel((0, 0))) == ("L", 255)


@pytest.mark.parametrize(("white", "half"), [(65535, 32768), (4095, 2048), (1023, 512)])
def test_wide_gray_is_scaled_by_the_bits_it_uses_and_not_clipped(encoded, white, half):
    picture = Image.new("I;16", (4, 4), white)
    picture.putpixel((0, 0), half)

    opened = open_upright(encoded(picture, "PNG"))

    assert opened.mode == "L"
    assert opened.getpixel((3, 3)) == 255
    assert opened.getpixel((0, 0)) == pytest.approx(127, abs=1)


def test_floating_point_gray_is_stretched_between_its_extremes(encoded):
    picture = Image.new("F", (4, 4), -3.5)
    picture.putpixel((0, 0), 9000.0)

    opened = open_upright(encoded(picture, "TIFF"))

    assert (opened.getpixel((0, 0)), opened.getpixel((3, 3))) == (255, 0)


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_last_frame_is_taken(encoded, image_format):
    frames = [Image.new("RGB", (8, 8), color) for color in ("black", "gray", "white")]
    image = encoded(frames[0], image_format, save_all=True, append_images=frames[1:], duration=100)

    assert probe(image).frames == 3
    assert open_upright(image).getpixel((4, 4)) == WHITE


def test_frames_passed_on_the_way_count_against_the_pixel_limit(encoded):
    frames = [Image.new("L", (10, 10), value) for value in (0, 80, 160, 240)]
    image = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)

    assert open_upright(image, max_pixels=200).getpixel((4, 4)) == (80, 80, 80)


def test_of_a_multipage_tiff_the_first_page_is_taken(encoded):
    image = encoded(
        Image.new("L", (8, 8), 255),
        "TIFF",
        save_all=True,
        append_images=[Image.new("L", (8, 8), 0)],
    )

    assert probe(image).frames == 2
    assert open_upright(image).getpixel((4, 4)) == 255


def test_the_pixel_limit_is_inclusive_and_checked_before_decoding(encoded):
    image = encoded(Image.new("L", (10, 10)), "PNG")
    header_only = image[:60]

    assert open_upright(image, max_pixels=100).size == (10, 10)
    assert reason_of(lambda: open_upright(image, max_pixels=99)) == "too_many_pixels"
    assert reason_of(lambda: open_upright(header_only, max_pixels=99)) == "too_many_pixels"


def test_a_decompression_bomb_is_refused_without_a_warning():
    bomb = b"GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff" + gif_frame(65535, 65535)

    assert reason_of(lambda: probe(bomb)) == "too_many_pixels"
    assert reason_of(lambda: open_upright(bomb)) == "too_many_pixels"


def test_what_pillow_only_warns_of_is_refused(encoded):
    large = encoded(Image.new("1", (10_000, 9_500)), "PNG")

    with pytest.raises(ImageRefused, match="95000000 pixels, and the limit is 50000000"):
        open_upright(large)


def test_a_gif_that_grows_from_frame_to_frame_is_refused():
    growing = SCREEN_1X1 + gif_frame(1, 1) + gif_frame(65535, 65535) + b";"

    assert reason_of(lambda: open_upright(growing)) == "too_many_pixels"


def test_a_gif_of_a_hundred_thousand_frames_does_not_take_for_ever():
    endless = SCREEN_1X1 + gif_frame(1, 1) * 100_000 + b";"

    assert open_upright(endless).size == (1, 1)


def test_a_truncated_jpeg_is_broken(encoded):
    image = encoded(Image.effect_noise((64, 64), 60), "JPEG")

    assert reason_of(lambda: open_upright(image[: len(image) // 2])) == "broken_image"


def test_no_bytes_are_an_empty_image():
    assert reason_of(lambda: probe(b"")) == "empty_image"
    assert reason_of(lambda: open_upright(b"")) == "empty_image"


def test_formats_outside_the_list_are_never_handed_to_their_decoders(encoded, wide):
    assert reason_of(lambda: probe(encoded(wide, "ICO"))) == "unsupported_format"
    assert reason_of(lambda: open_upright(encoded(wide, "PPM"))) == "unsupported_format"
    assert reason_of(lambda: open_upright(b"%PDF-1.7 not a picture")) == "unsupported_format"


def test_a_refusal_carries_its_reason():
    with pytest.raises(ImageRefused) as refused:
        probe(b"")

    assert refused.value.context() == {"reason": "empty_image"}
    assert refused.value.http_status == 422
