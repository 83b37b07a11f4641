"""
Ceiling of a call that writes text: what it may cost at most, known before it is made.

Unlike a picture, a text has a bound: a token is one character at least, of rare scripts one byte.
Whatever a call costs above that is learned as for pictures, under a name of its own.
"""

import math

from vision.limits.ceiling import MARGIN, most_seen
from vision.providers.text_port import TextProvider, TextRequest

FRAME = 100
"""Tokens by which the provider sets messages apart."""
_COMMON = 0x0500
"""Characters below are Latin, Greek and Cyrillic letters, which have tokens of their own."""


def priced_as(model: str) -> str:
    """The name under which the costs of a model's texts are kept, apart from those of pictures."""
    return f"{model} text"


def text_ceiling(provider: TextProvider, request: TextRequest) -> int:
    """The tokens to reserve for this call."""
    known = _most_tokens(request.instructions) + _most_tokens(request.content)
    seen = most_seen(provider.name, priced_as(provider.model))
    # A cost above the bound shows that the bound is none: from then on it counts with a margin.
    return max(known + request.max_tokens + FRAME, math.ceil(seen * MARGIN))


def _most_tokens(text: str) -> int:
    return sum(1 if ord(char) < _COMMON else len(char.encode("utf-8", "replace")) for char in text)
