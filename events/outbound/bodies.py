"""Bodies of answers that are counted while they are read, as sent and as unpacked."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

import httpx

from events.outbound.errors import Reason
from events.outbound.policy import Policy

PIECE: Final = 64 * 1024
ACCEPTED: Final = "gzip, deflate"
_GZIP: Final = 0x1F
_EITHER: Final = 32 + zlib.MAX_WBITS
"""gzip, or deflate with the header that it ought to have."""


class _Stream(Protocol):
    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


class Body(httpx.SyncByteStream):
    """A body that is unpacked piece by piece, so that a small answer never fills the memory."""

    def __init__(self, stream: _Stream, encoding: str, policy: Policy) -> None:
        self._stream = stream
        self._policy = policy
        if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise policy.refusal(Reason.ENCODING, f"its answer is packed as {encoding[:40]!r}")
        self._packed = encoding not in {"", "identity"}

    def __iter__(self) -> Iterator[bytes]:
        sent = self._counted(self._stream)
        return self._counted(unpacked(sent)) if self._packed else sent

    def close(self) -> None:
        self._stream.close()

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        most, seen = self._policy.most_bytes, 0
        for piece in pieces:
            seen += len(piece)
            if most is not None and seen > most:
                raise too_large(self._policy)
            yield piece


def too_large(policy: Policy) -> Exception:
    return policy.refusal(Reason.SIZE, f"its answer is larger than {policy.most_bytes} B")


def unpacked(packed: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack gzip or deflate in pieces of PIECE bytes. Raises httpx.DecodingError."""
    unpacking, begun = zlib.decompressobj(_EITHER), False
    for chunk in packed:
        if not begun and chunk and not _has_header(chunk):
            unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
        begun = begun or bool(chunk)
        rest = chunk
        while rest:
            if unpacking.eof:  # gzip may consist of several members
                unpacking = zlib.decompressobj(_EITHER)
            try:
                yield unpacking.decompress(rest, PIECE)
            except zlib.error as error:
                raise httpx.DecodingError("the answer is packed wrongly") from error
            rest = unpacking.unused_data if unpacking.eof else unpacking.unconsumed_tail
    if begun and not unpacking.eof:
        yield from _remainder(unpacking)


def _remainder(unpacking: "zlib._Decompress") -> Iterator[bytes]:
    """What zlib still holds back; all input has been consumed, so it is little."""
    while piece := unpacking.decompress(b"", PIECE):
        yield piece
    if not unpacking.eof:
        raise httpx.DecodingError("the packed answer breaks off")


def _has_header(chunk: bytes) -> bool:
    """Whether it begins as gzip does, or deflate as its standard has it; some servers omit that."""
    if chunk[0] == _GZIP:
        return True
    is_zlib = chunk[0] & 0x0F == zlib.DEFLATED
    return is_zlib and (len(chunk) == 1 or int.from_bytes(chunk[:2]) % 31 == 0)
