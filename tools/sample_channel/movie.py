"""The moving pictures: a tram crossing the evening, and bars that grow. Needs PyAV."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from PIL import Image, ImageDraw

from tools.sample_channel import scenes
from tools.sample_channel.canvas import Canvas

RATE = 24
BARS = (320, 320)


# PyAV leaves this one method without types.
_frame_from = cast("Callable[[Image.Image], av.VideoFrame]", av.VideoFrame.from_image)


def write(path: Path, frames: list[Image.Image]) -> None:
    """H.264 in mp4; one thread, or the bytes would depend on the number of cores."""
    with av.open(str(path), "w") as movie:
        stream = movie.add_stream("libx264", rate=RATE, options={"crf": "27", "threads": "1"})
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(frames):
            frame = _frame_from(picture)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            movie.mux(stream.encode(frame))
        movie.mux(stream.encode())


def tram(seconds: float) -> list[Image.Image]:
    street = scenes.draw("fair_evening").image.resize((640, 427)).crop((0, 67, 640, 427))
    return list(_passing(street, round(seconds * RATE)))


def _passing(street: Image.Image, count: int) -> Iterator[Image.Image]:
    for number in range(count):
        frame = street.copy()
        _tram(ImageDraw.Draw(frame), -260 + 900 * number // count)
        yield frame


def _tram(pen: ImageDraw.ImageDraw, x: int) -> None:
    pen.line((0, 322, 640, 322), "#77737d", 3)
    pen.rounded_rectangle((x, 238, x + 250, 312), 16, "#b8433a")
    pen.rectangle((x, 284, x + 250, 298), "#f1e6d2")
    for place in range(5):
        left = x + 14 + place * 46
        pen.rounded_rectangle((left, 250, left + 36, 278), 4, "#ffe1a0")
    for wheel in (x + 50, x + 200):
        pen.circle((wheel, 312), 11, "#26242b")
    pen.line((x + 90, 238, x + 124, 206, x + 158, 238), "#3b3742", 3)


def growing_bars(seconds: float) -> list[Image.Image]:
    count = round(seconds * RATE)
    return [_bars(number / (count - 1)) for number in range(count)]


def _bars(progress: float) -> Image.Image:
    canvas = Canvas(*BARS, "#f6efe0")
    for place, share in enumerate((0.4, 0.7, 0.55, 0.95)):
        tall = 230 * share * min(1.0, progress * (1.6 - 0.2 * place))
        canvas.box(44 + 62 * place, 270 - tall, 44, tall, "#2f7ed8", radius=6)
    canvas.box(34, 272, 252, 4, "#27402d")
    return canvas.finish().image
