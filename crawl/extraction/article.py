"""The article of a page by trafilatura; runs only in the process that extracts."""

from typing import Any, Final

import trafilatura
from trafilatura.settings import use_config

MOST_CHARS: Final = 200_000
"""Of the text; a novel on one page is cut."""


def _config() -> Any:
    config = use_config()
    # Signals cannot be used beside the parent's own clock, which ends the whole process.
    config.set("DEFAULT", "EXTRACTION_TIMEOUT", "0")
    # An announcement of two lines is an article, too.
    config.set("DEFAULT", "MIN_OUTPUT_SIZE", "1")
    config.set("DEFAULT", "MIN_EXTRACTED_SIZE", "100")
    return config


_CONFIG: Final = _config()


def article_of(page: bytes | str, url: str) -> dict[str, Any]:
    """
    Return title, author, date (ISO), image, site, text and markdown; all empty where nothing is.

    `page` is text where the server named the encoding, else bytes.
    """
    tree = trafilatura.load_html(page)
    if tree is None:
        return {}
    usual: dict[str, Any] = {
        "url": url, "config": _CONFIG, "include_comments": False, "with_metadata": True,
    }  # fmt: skip
    found: Any = trafilatura.bare_extraction(tree, **usual)
    if found is None:
        return _only_metadata(tree, url)
    told = found.as_dict()
    markdown = trafilatura.extract(
        trafilatura.load_html(page), output_format="markdown", include_links=True,
        **(usual | {"with_metadata": False}),
    )  # fmt: skip
    return _clean(told, text=told.get("text") or "", markdown=markdown or "")


def _only_metadata(tree: Any, url: str) -> dict[str, Any]:
    """A page without an article still has a title."""
    told = trafilatura.extract_metadata(tree, default_url=url)
    return _clean(told.as_dict() if told else {}, text="", markdown="")


def _clean(told: dict[str, Any], *, text: str, markdown: str) -> dict[str, Any]:
    names = {"title": "title", "author": "author", "date": "date", "image": "image"}
    return {
        **{ours: _line(told.get(theirs)) for ours, theirs in names.items()},
        "site": _line(told.get("sitename")),
        "text": text[:MOST_CHARS],
        "markdown": markdown[: 2 * MOST_CHARS],
    }


def _line(value: Any) -> str:
    return " ".join(str(value or "").split())[:1000]
