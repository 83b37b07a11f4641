"""Replies before they are encoded, and exceptions that end a request with a reply."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"

    def encoded(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, ensure_ascii=False).encode()


class Refused(Exception):
    """Ends the request with `reply`."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.reply = Reply(
            status,
            {"status": status, "message": message},
            {name.replace("_", "-"): value for name, value in headers.items()},
        )


class Cut(Exception):
    """Closes the connection without an answer."""


def oauth_refusal(status: int, code: int, message: str) -> Refused:
    """Make an error of the OAuth endpoint, which has `code` instead of `status`."""
    refused = Refused(status, message)
    refused.reply = Reply(status, {"code": code, "message": message})
    return refused


HTML = Reply(
    502,
    b"<html><head><title>502 Bad Gateway</title></head><body>SynGX</body></html>",
    content_type="text/html",
)
