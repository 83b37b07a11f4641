"""The HTML and Markdown of a page are evicted: its row forgets the keys and keeps the text."""

from collections.abc import Sequence

from crawl.models import CrawledPage
from storage_quota import cleanup
from storage_quota.models import ContentType


def unlink(evicted: Sequence[str]) -> None:
    """
    Forget these keys, and what would make the server answer "not changed".

    So the next visit fetches the page as a whole, and the bucket has it again.
    """
    for name in ("html_key", "markdown_key"):
        pages = CrawledPage.objects.filter(**{f"{name}__in": list(evicted)})
        pages.update(**{name: "", "etag": "", "last_modified": ""})


cleanup.on_eviction(ContentType.CRAWL, unlink)
