"""
Choice of the frame of an animation that shows most: captions appear, and fade out again.

What is examined is bounded by pixels, not by seconds, so that the same file always gives the same
frame: all frames that are decoded on the way, up to `max_pixels` in total.
"""

from typing import Final

from PIL import Image

from media.imaging.transparency import BLACK, WHITE, laid_on
from media.imaging.visibility import detail

MAX_FRAMES: Final = 1000  # of one pixel each, a million of them takes 16 s
_NEARLY: Final = 0.97
"""A later frame with so much of the most detail is preferred: a caption that has faded in."""
_EXAMINED_SIDE: Final = 480


def fullest_frame(picture: Image.Image, *, max_pixels: int) -> Image.Image:
    """
    Return a copy of the frame with most detail, of frames of `max_pixels` pixels in total.

    The first frame counts whatever its size. Raises what Pillow's decoders raise, and
    DecompressionBombError for a frame that grows beyond `max_pixels`.
    """
    most, best = -1.0, None
    for number in range(_reachable(picture, max_pixels)):
        picture.seek(number)
        if picture.width * picture.height > max_pixels:
            raise Image.DecompressionBombError(f"frame {number} has more than {max_pixels} pixels")
        picture.load()
        shown = _shown(picture)
        if shown >= _NEARLY * most:
            best = picture.copy()
        most = max(most, shown)
    return picture if best is None else best


def _reachable(picture: Image.Image, max_pixels: int) -> int:
    frames = int(getattr(picture, "n_frames", 1))
    return max(1, min(frames, max_pixels // max(1, picture.width * picture.height), MAX_FRAMES))


def _shown(frame: Image.Image) -> int:
    """How much there is to see in a frame, on the better of two grounds."""
    factor = max(1, max(frame.size) // _EXAMINED_SIDE)
    if not frame.has_transparency_data:
        return detail(frame.convert("L").reduce(factor))
    small = frame.convert("RGBA").convert("LA").reduce(factor)
    return max(detail(laid_on(small, ground)) for ground in (WHITE, BLACK))
