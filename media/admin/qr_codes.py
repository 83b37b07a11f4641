"""QR codes as pictures that stand in a page: no browser has to ask for one, and none is kept."""

from typing import Final

import qrcode
from django.utils.safestring import SafeString, mark_safe
from qrcode.image.svg import SvgPathFillImage

_TENTHS_OF_MILLIMETRES: Final = 18
"""Of one square: a phone reads it from an arm's length."""


def qr_picture(text: str) -> SafeString:
    """Draw the text as a QR code: black on white, also where the page is dark."""
    code = qrcode.QRCode(border=4, box_size=_TENTHS_OF_MILLIMETRES)
    code.add_data(text)
    image = code.make_image(image_factory=SvgPathFillImage)
    drawn: str = image.to_string(encoding="unicode")
    return mark_safe(drawn)  # noqa: S308 - squares, whatever the text is
