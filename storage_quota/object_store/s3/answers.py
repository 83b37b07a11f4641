"""
Answers of S3 that are no objects: lists, errors, receipts. boto3 reads them whole.

It takes whatever comes, and each byte that arrives renews its patience. So a server that sends
without end would fill the memory, and one that trickles would hold a worker for ever.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ReadTimeoutError

from events.outbound import Policy
from events.outbound.bodies import PIECE, too_large

if TYPE_CHECKING:
    from urllib3.connectionpool import HTTPConnectionPool as _Pool
    from urllib3.response import BaseHTTPResponse
else:
    _Pool = object


class AnsweringPool(_Pool):
    """
    A pool whose answers end in time and in size, where boto3 reads them whole (`stream`).

    It reads the content of objects by `read`, piece by piece, which is not limited here.
    """

    policy: Policy

    def urlopen(self, *args: Any, **kwargs: Any) -> "BaseHTTPResponse":
        answer = super().urlopen(*args, **kwargs)
        ends = time.monotonic() + self.policy.read_seconds
        address = f"{self.scheme}://{self.host}"

        def stream(*_: Any, **__: Any) -> Iterator[bytes]:
            return _limited(answer, self.policy, ends, address)

        answer.stream = stream  # type: ignore[method-assign]
        return answer


def _limited(
    answer: "BaseHTTPResponse", policy: Policy, ends: float, address: str
) -> Iterator[bytes]:
    """Raise OutboundRefused for too many bytes and boto3's ReadTimeoutError after `ends`."""
    seen = 0
    while piece := answer.read1(PIECE):
        seen += len(piece)
        if policy.most_bytes is not None and seen > policy.most_bytes:
            answer.close()
            raise too_large(policy)
        if time.monotonic() > ends:
            answer.close()
            raise ReadTimeoutError(endpoint_url=address, error="the answer does not end")
        yield piece
