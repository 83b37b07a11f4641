"""
The policy of what pages may load and run (Content-Security-Policy), as django-csp takes it.

Scripts come from files of this host only: no page has one of its own, and no page of a framework
may bring one in. A page that needs one gives it `nonce="{{ CSP_NONCE }}"`. Styles come from files, too; what
pages of frameworks write into `style="…"` is allowed by those pages themselves.
"""

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF, UNSAFE_INLINE

from telegram_assistant.config import S3

STYLE_ATTRIBUTES: Final = {"style-src-attr": [UNSAFE_INLINE]}
"""Added by pages whose framework writes `style="…"`: it can hide and move, but not load or run."""

PICTURES_IN_PAGES: Final = {"img-src": ["data:"]}
"""Added by pages that hold their pictures: in the styles of Swagger UI, or a secret as one."""


def directives(*, pictures_from: Iterable[str] = (), https: bool = False) -> dict[str, Any]:
    """
    Return the directives of every page.

    `pictures_from` are origins besides this one that the console shows pictures of: the bucket's.
    """
    return {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, *pictures_from],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "upgrade-insecure-requests": https,
    }


def bucket_origins(s3: S3) -> list[str]:
    """Return where links to objects lead: to the server, or to the bucket as a host of its own."""
    if not (s3.configured and s3.presigned_url_ttl):
        return []
    address = urlsplit(s3.endpoint_url)
    server = f"{address.scheme}://{address.netloc}"
    bucket = f"{address.scheme}://{s3.bucket_name}.{address.netloc}"
    # Both: boto3 names the bucket in the path where it cannot be a part of the host.
    return [server] if s3.force_path_style else [server, bucket]
