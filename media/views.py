"""Serve stored bytes to the console. `media.admin` decides who may see them."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final, TypeVar

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, quote_etag
from django.utils.text import get_valid_filename

from media import stored_bytes, thumbnails
from media.models import MediaObject, MediaRole, Post
from storage_quota import keys, links
from storage_quota.object_store import ObjectMissing, StoreForbidden, StoreUnavailable

PRIVATE: Final = "private, max-age=600"
RETRY_SECONDS: Final = 10
NAME_CHARS: Final = 120
_OUT_OF_ORDER = (StoreUnavailable, StoreForbidden)
Answer = TypeVar("Answer", bound=HttpResponseBase)


def thumbnail(request: HttpRequest, media: MediaObject | None) -> HttpResponseBase:
    """The thumbnail; with a placeholder 404 where the object is gone, 503 where the store is away."""
    if media is None:
        return _placeholder(HTTPStatus.NOT_FOUND)
    if unchanged := _unchanged(request, media):
        return unchanged
    try:
        small = thumbnails.thumbnail(media, now=timezone.now())
    except ObjectMissing:
        return _placeholder(HTTPStatus.NOT_FOUND)
    except _OUT_OF_ORDER:
        return _placeholder(HTTPStatus.SERVICE_UNAVAILABLE)
    response = HttpResponse(small.body, content_type=small.mime)
    if small.is_icon:  # a picture may come later
        response["Cache-Control"] = PRIVATE
        return _guarded(response)
    return _guarded(_cacheable(response, media))


def content(request: HttpRequest, media: MediaObject | None) -> HttpResponseBase:
    """
    The object itself: shown if it is a picture browsers know, downloaded otherwise.

    A store that makes links serves it, otherwise the application does.
    """
    if media is None:
        return _placeholder(HTTPStatus.NOT_FOUND)
    if unchanged := _unchanged(request, media):
        return unchanged
    if request.method == "GET" and (link := _link(media)):
        return _redirect(link)
    return _streamed(media)


def _link(media: MediaObject) -> str | None:
    try:
        return links.presigned_url(
            tenant_id=media.tenant_id,
            key=media.s3_key,
            filename=file_name(media),
            now=timezone.now(),
        )
    except ObjectMissing:  # the ledger does not know it, but the store may: try to stream it
        return None


def _redirect(link: str) -> HttpResponse:
    """Redirect to a link that opens the object for anybody: not cached, not sent as the referrer."""
    response = HttpResponseRedirect(link)
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _streamed(media: MediaObject) -> HttpResponseBase:
    try:  # the first bytes, before the headers: afterwards it is too late for a 404
        chunks = stored_bytes.chunks(media.s3_key)
    except ObjectMissing:
        return _placeholder(HTTPStatus.NOT_FOUND)
    except _OUT_OF_ORDER:
        return _placeholder(HTTPStatus.SERVICE_UNAVAILABLE)
    links.note_read([media.s3_key], now=timezone.now())
    return _guarded(_cacheable(_stream(media, chunks), media))


def _stream(media: MediaObject, chunks: Iterator[bytes]) -> StreamingHttpResponse:
    inline = media.mime in links.INLINE_TYPES
    response = StreamingHttpResponse(chunks, content_type=media.mime if inline else links.DOWNLOAD)
    disposition = content_disposition_header(not inline, file_name(media))
    response["Content-Disposition"] = disposition or "attachment"
    response["Content-Length"] = str(media.size_bytes)
    return response


def file_name(media: MediaObject) -> str:
    """The name that a post gave the file, without misleading characters, or one made of its hash."""
    posts = Post.objects.filter(
        post_media__media_object=media, post_media__role=MediaRole.PRIMARY
    ).exclude(media_name="")
    return safe_name(posts.order_by().values_list("media_name", flat=True).first() or "", media)


def safe_name(given: str, media: MediaObject) -> str:
    """The name without misleading characters, or one made of the file's hash."""
    if not any(char.isalnum() for char in given):
        given = f"{media.file_sha256[:12]}.{keys.extension(media.mime)}"
    return get_valid_filename(given).lstrip("._-")[-NAME_CHARS:]


def _unchanged(request: HttpRequest, media: MediaObject) -> HttpResponse | None:
    """304, without a request to the store, if the browser has this content already."""
    response = get_conditional_response(request, etag=quote_etag(media.file_sha256))
    if not isinstance(response, HttpResponse):
        return None
    links.note_read([media.s3_key], now=timezone.now())
    return _cacheable(response, media)


def _cacheable(response: Answer, media: MediaObject) -> Answer:
    response["ETag"] = quote_etag(media.file_sha256)
    response["Cache-Control"] = PRIVATE
    return response


def _placeholder(status: int) -> HttpResponse:
    gone = thumbnails.icon("missing")
    response = HttpResponse(gone.body, content_type=gone.mime, status=status)
    response["Cache-Control"] = "private, no-store"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(RETRY_SECONDS)
    return _guarded(response)


def _guarded(response: Answer) -> Answer:
    """Forbid the browser to run anything of these bytes under this site's origin."""
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return response
