"""What is sent instead of the original: small, upright, JPEG, without metadata."""

import io

import pillow_heif
import pytest
from PIL import ExifTags, Image

from vision.providers.gigachat.preprocess import MAX_BYTES, PreprocessOptions, prepare
from vision.providers.port import ErrorClass, ProviderRefused


def picture(size=(400, 300), mode="RGB", color=(200, 30, 30)) -> Image.Image:
    """One color, and on the right something to see: a blank sheet is not sent."""
    shown = Image.new(mode, size, color)
    shown.paste((90, 90, 90, 255)[: len(mode)], (size[0] * 3 // 4, 0, *size))
    return shown


def encoded(image: Image.Image, name: str, **how) -> bytes:
    file = io.BytesIO()
    image.save(file, name, **how)
    return file.getvalue()


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_every_format_we_keep_is_sent_as_jpeg(name):
    sent = opened(prepare(encoded(picture(), name), PreprocessOptions()))

    assert (sent.format, sent.mode, sent.size) == ("JPEG", "RGB", (400, 300))


def test_heic_is_sent_as_jpeg_too():
    heic = io.BytesIO()
    pillow_heif.from_pillow(picture()).save(heic)

    assert opened(prepare(heic.getvalue(), PreprocessOptions())).format == "JPEG"


@pytest.mark.parametrize(
    ("size", "sent"),
    [((4000, 2000), (1024, 512)), ((2000, 4000), (512, 1024)), ((1024, 10), (1024, 10)),
     ((30, 40), (30, 40)), ((5000, 2), (1024, 1))],
)  # fmt: skip
@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_the_longest_side_is_1024_and_nothing_is_stretched(name, size, sent):
    assert opened(prepare(encoded(picture(size), name), PreprocessOptions())).size == sent


def test_a_large_jpeg_is_not_decoded_whole(monkeypatch):
    decoded = []
    resize = Image.Image.resize
    monkeypatch.setattr(
        Image.Image, "resize", lambda i, *a, **k: decoded.append(i.size) or resize(i, *a, **k)
    )

    prepare(encoded(picture((6000, 4000)), "JPEG"), PreprocessOptions())

    assert max(decoded) <= (1500, 1000)


def test_a_photo_is_turned_upright_and_its_metadata_stay_at_home():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Camera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (55.0, 45.0, 0.0)

    sent = opened(prepare(encoded(picture((400, 300)), "JPEG", exif=exif), PreprocessOptions()))

    assert sent.size == (300, 400)
    assert not sent.getexif()


def test_the_comment_of_a_jpeg_stays_at_home_too():
    said = encoded(picture(), "JPEG", comment=b"taken at 55.75, 37.62")
    assert b"55.75" in said

    assert b"55.75" not in prepare(said, PreprocessOptions())


def test_what_is_decoded_already_is_sent_alike_and_stays_as_it_is():
    png = encoded(picture((2000, 1500)), "PNG")
    whole = Image.open(io.BytesIO(png)).convert("RGB")

    assert prepare(b"", PreprocessOptions(), decode=lambda: whole) == prepare(
        png, PreprocessOptions()
    )
    assert whole.size == (2000, 1500)


def test_colors_are_sent_unless_they_are_not_wanted():
    red = encoded(picture(), "PNG")

    assert opened(prepare(red, PreprocessOptions())).getpixel((9, 9))[0] > 150
    assert opened(prepare(red, PreprocessOptions(grayscale=True))).mode == "L"


def test_transparent_parts_are_white():
    glass = encoded(picture(mode="RGBA", color=(0, 0, 0, 0)), "PNG")

    assert opened(prepare(glass, PreprocessOptions())).getpixel((9, 9)) == (255, 255, 255)


def test_of_an_animation_the_frame_that_shows_most_is_sent():
    plain = [Image.new("RGB", (400, 300), color) for color in ("red", "lime")]
    gif = encoded(
        plain[0], "GIF", save_all=True, append_images=[picture(color=(0, 0, 250)), plain[1]]
    )

    red, green, blue = opened(prepare(gif, PreprocessOptions())).getpixel((9, 9))

    assert blue > 200
    assert max(red, green) < 50


def test_the_same_picture_is_sent_as_the_same_bytes():
    png = encoded(Image.effect_noise((300, 200), 60), "PNG")

    assert prepare(png, PreprocessOptions()) == prepare(png, PreprocessOptions())


def test_the_worst_picture_of_the_largest_size_is_within_the_limit():
    noise = encoded(Image.effect_noise((1024, 1024), 255).convert("RGB"), "PNG")

    assert len(prepare(noise, PreprocessOptions(jpeg_quality=95))) < MAX_BYTES


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (b"", "empty_image"),
        (b"%PDF-1.7 ...", "unsupported_format"),
        (encoded(picture(), "PNG")[:60], "broken_image"),
    ],
    ids=["nothing", "no picture", "half a picture"],
)
def test_what_cannot_be_decoded_is_refused_by_reason(image, reason):
    with pytest.raises(ProviderRefused) as refusal:
        prepare(image, PreprocessOptions())

    assert refusal.value.reason == reason
    assert refusal.value.error_class is ErrorClass.NON_RETRYABLE_VALIDATION
    assert refusal.value.usage is None


def test_more_pixels_than_allowed_are_refused_before_they_are_decoded():
    with pytest.raises(ProviderRefused) as refusal:
        prepare(encoded(picture((100, 101)), "JPEG"), PreprocessOptions(max_pixels=10_000))

    assert refusal.value.reason == "too_many_pixels"
