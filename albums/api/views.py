"""/api/v1/albums, of the caller's tenants."""

from collections.abc import Sequence
from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import visible
from accounts.permissions.rest import IsMember
from albums.api import queries
from albums.api.serializers import AlbumDetailSerializer, AlbumPageSerializer, AlbumsSerializer
from albums.models import MediaGroup
from albums.services.progress import progress_of
from media.api.cursor import read_page
from media.posts.album_caption import captions

GREATEST_ID: Final = 2**63 - 1
LISTED: Final = ("status", "kind")


@extend_schema(tags=["albums"])
class AlbumsView(APIView):
    """
    Albums, newest first. Filters are combined with AND; of several values of one any fits.

    Pages are read by cursor: `next` of a page is the `cursor` of the one after it. New albums move nothing.
    """

    permission_classes = (IsMember,)

    @extend_schema(
        operation_id="albums_list", parameters=[AlbumPageSerializer], responses=AlbumsSerializer
    )
    def get(self, request: Request) -> Response:
        wanted = _wanted(request)
        cursor, size = wanted.pop("cursor", ""), wanted.pop("page_size")
        found = queries.albums(request.user, queries.AlbumFilter(**wanted))
        page = read_page(found, cursor=cursor, size=size, filters=wanted, key=int)
        return Response(AlbumsSerializer(page, context=_captions(page.rows)).data)


def _wanted(request: Request) -> dict[str, Any]:
    """The filters; values may be repeated, or separated by commas."""
    given = request.query_params
    data: dict[str, Any] = given.dict()
    for name in LISTED:
        data[name] = [one for text in given.getlist(name) for one in text.split(",") if one]
    form = AlbumPageSerializer(data=data)
    form.is_valid(raise_exception=True)
    wanted = dict(form.validated_data)
    return wanted | {name: sorted(wanted.get(name, ())) for name in LISTED}


def _captions(groups: Sequence[MediaGroup]) -> dict[str, Any]:
    return {"captions": captions((group.channel_id, group.grouped_id) for group in groups)}


@extend_schema(tags=["albums"])
class AlbumView(APIView):
    """
    One album with its items in order, what was seen in each, and for what it waits.

    404: it does not exist, or belongs to another tenant.
    """

    permission_classes = (IsMember,)

    @extend_schema(responses=AlbumDetailSerializer)
    def get(self, request: Request, album_id: str) -> Response:
        group = _visible(request, _parsed(album_id))
        context = _captions([group]) | {"progress": progress_of(group)}
        return Response(AlbumDetailSerializer(group, context=context).data)


def _parsed(album_id: str) -> int:
    if not (album_id.isascii() and album_id.isdecimal()):
        raise ValidationError({"album_id": "This is no id of an album: a whole number."})
    return int(album_id[:20])


def _visible(request: Request, album_id: int) -> MediaGroup:
    if album_id > GREATEST_ID:
        raise NotFound
    groups = visible(MediaGroup.objects.select_related("channel"), request.user)
    found = groups.filter(pk=album_id).first()
    if found is None:
        raise NotFound
    return found
