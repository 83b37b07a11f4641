"""Keys of objects (CONTRACT §6.2). Only the functions here build or parse a key."""

import re
from typing import Final
from urllib.parse import quote, unquote
from uuid import UUID

EXTENSIONS: Final = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/tiff": "tiff",
    "image/bmp": "bmp",
    "image/x-ms-bmp": "bmp",
    "image/heic": "heic",
    "image/heif": "heic",
    "image/avif": "avif",
    "image/svg+xml": "svg",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "oga",
    "audio/opus": "opus",
    "video/ogg": "ogg",
    "application/ogg": "ogg",
    "application/pdf": "pdf",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/epub+zip": "epub",
    "application/zip": "zip",
    "application/json": "json",
    "application/x-tgsticker": "tgs",
    "text/plain": "txt",
    "text/html": "html",
    "text/markdown": "md",
}
UNKNOWN_EXTENSION: Final = "bin"
ALBUM_SUFFIX: Final = "_vision_summary_v1.json"
CRAWL_SUFFIXES: Final = (".html", ".md")

KEY_MAX_LENGTH: Final = 1024
"""S3's own limit on a key."""
MARKERS: Final = ".installation/"
"""Folder of the empty objects that name the installation a bucket belongs to."""

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TYPES = frozenset({"media", "vision", "crawl", "album"})
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FOLDER = re.compile(rf"(?P<kind>media|vision|crawl|album)/(?P<tenant>{_UUID})/(?=.)")
_OURS = re.compile(
    rf"media/{_UUID}/(?P<fan>[0-9a-f]{{2}})/(?P<media>(?P=fan)[0-9a-f]{{62}})\.[a-z0-9]+"
    rf"|vision/{_UUID}/[0-9a-f]{{64}}_[^/]+_v[^/]+\.json"
    rf"|album/{_UUID}/[^/]+_vision_summary_v1\.json"
    rf"|crawl/{_UUID}/[^/]+/[0-9a-f]{{64}}\.(?:html|md)"
)


def is_ours(key: str) -> bool:
    """Whether the first folder is one of ours; another application may use the same bucket."""
    return key.partition("/")[0] in _TYPES


def extension(mime: str) -> str:
    """The extension of a MIME type (parameters and case do not matter), else `bin`."""
    return EXTENSIONS.get(mime.partition(";")[0].strip().lower(), UNKNOWN_EXTENSION)


def media(*, tenant_id: UUID | str, sha256: str, mime: str) -> str:
    digest = _digest(sha256)
    return f"media/{_tenant(tenant_id)}/{digest[:2]}/{digest}.{extension(mime)}"


def vision(*, tenant_id: UUID | str, sha256: str, provider: str, model: str, schema: str) -> str:
    """`schema` is the version of the stored JSON, `1.0` for instance."""
    who = f"{_part(provider)}_{_part(model)}"
    return f"vision/{_tenant(tenant_id)}/{_digest(sha256)}_{who}_v{_part(schema)}.json"


def album(*, tenant_id: UUID | str, album_id: int | str | UUID) -> str:
    return f"album/{_tenant(tenant_id)}/{_part(str(album_id))}{ALBUM_SUFFIX}"


def album_id(key: str) -> str:
    """The `album_id` that `album` built this key from."""
    return unquote(key.rpartition("/")[2].removesuffix(ALBUM_SUFFIX))


def crawl(
    *,
    tenant_id: UUID | str,
    url_hash: str,
    suffix: str = ".html",
    post_id: int | str | UUID | None = None,
) -> str:
    """The key of a crawled page: in the folder of its post, or of its hash if it has no post."""
    if suffix not in CRAWL_SUFFIXES:
        raise ValueError(f"suffix of a crawled page is one of {CRAWL_SUFFIXES}, not {suffix!r}")
    digest = _digest(url_hash)
    folder = digest[:2] if post_id is None else _part(str(post_id))
    return f"crawl/{_tenant(tenant_id)}/{folder}/{digest}{suffix}"


def marker(installation_id: UUID) -> str:
    return f"{MARKERS}{installation_id}"


def owner(key: str) -> tuple[str, UUID] | None:
    """The content type and tenant whose folder the key lies in; None if it lies in none."""
    if not (found := _FOLDER.match(key)):
        return None
    return found["kind"], UUID(found["tenant"])


def owner_or_raise(key: str) -> tuple[str, UUID]:
    """See `owner`; raises ValueError for a key in no tenant's folder."""
    if (found := owner(key)) is None:
        raise ValueError(f"in no tenant's folder: {key!r}")
    return found


def is_one_of_ours(key: str) -> bool:
    """Whether one of the functions above could have built the key."""
    return bool(_OURS.fullmatch(key))


def content_digest(key: str) -> str:
    """The SHA-256 in the key of a medium; empty for other types."""
    found = _OURS.fullmatch(key)
    return (found["media"] or "") if found else ""


def _tenant(value: UUID | str) -> str:
    if not _TENANT.fullmatch(str(value)):
        raise ValueError(f"not the id of a tenant: {value!r}")
    return str(value)


def _digest(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError(f"not a SHA-256 in lower-case hexadecimal: {value!r}")
    return value


def _part(value: str) -> str:
    """Percent-encoded, so `/`, `:` and blanks cannot change the shape of a key, nor two collide."""
    if not value or value in {".", ".."}:
        raise ValueError(f"a part of a key is missing: {value!r}")
    return quote(value, safe="")
