"""Units of size, for every room: binary, as S3 providers count."""

from typing import Final

MIB: Final = 1024**2
GIB: Final = 1024**3
