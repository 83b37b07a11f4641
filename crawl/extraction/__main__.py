"""
The process that extracts: reads pages from stdin, writes an article as a line of JSON for each.

A page is a line of JSON with `bytes`, `url` and `charset`, and then so many bytes.
"""

import contextlib
import json
import signal
import sys
from typing import Any

from crawl.extraction import confinement


def main() -> None:
    """
    Serve until stdin ends, as it does with the parent; arguments: bytes of memory, seconds for a page.

    The seconds are for a parent that was killed: one that lives ends this process itself.
    """
    confinement.confine(memory_bytes=int(sys.argv[1]))
    from crawl.extraction.article import article_of  # noqa: PLC0415 - within the limits

    pages, articles = sys.stdin.buffer, sys.stdout.buffer
    while line := pages.readline():
        told = json.loads(line)
        signal.alarm(int(sys.argv[2]))
        answer = _answer(article_of, pages.read(told["bytes"]), told)
        articles.write(json.dumps(answer).encode("ascii") + b"\n")
        articles.flush()
        signal.alarm(0)


def _answer(extract: Any, body: bytes, told: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"article": extract(_decoded(body, told["charset"]), told["url"])}
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError) as error:
        # Libraries trip over odd pages; the page is refused, and the process goes on.
        return {"error": f"{type(error).__name__}: {error}"[:200]}


def _decoded(body: bytes, charset: str) -> bytes | str:
    with contextlib.suppress(LookupError, UnicodeDecodeError):
        if charset:
            return body.decode(charset)
    return body


if __name__ == "__main__":
    main()
