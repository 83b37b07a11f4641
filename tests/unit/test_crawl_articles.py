"""The extractor on pages of ten kinds: what the article says is kept, what surrounds it is not."""

import pytest

from crawl.extraction.article import article_of
from tests.crawl_pages import Sample, measure, pages


def _taken_apart(sample: Sample) -> dict:
    page = sample.html.decode(sample.charset) if sample.charset else sample.html
    return article_of(page, "https://news.example/storm")


@pytest.mark.parametrize("sample", pages(), ids=lambda sample: sample.kind)
def test_the_article_is_kept_and_its_surroundings_are_not(sample):
    found = _taken_apart(sample)

    kept, noise = measure(sample, found["text"])
    assert kept == 1
    assert noise <= 0.2
    assert found["title"] == sample.title
    assert sample.said[0] in " ".join(found["markdown"].split())


@pytest.mark.parametrize(
    "page", [b"", b"\x00\xff" * 400, b"<html>", b"<p>" * 3000, b"<!DOCTYPE html><svg/>", "я" * 99]
)
def test_what_is_no_article_gives_nothing_and_no_error(page):
    assert article_of(page, "https://news.example/").get("author", "") == ""
