"""/api/v1/graph: albums, how posts spread, what channels share, of the caller's tenants."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from accounts.access import tenants_of, visible
from accounts.permissions.rest import IsMember, visible_or_404
from albums.models import MediaGroup
from graph.api.serializers import (
    AlbumMembersSerializer,
    AlbumPostsQuerySerializer,
    GraphAlbumsSerializer,
    LimitSerializer,
    PathQuerySerializer,
    PathSerializer,
    SharedQuerySerializer,
    SharedSerializer,
    SpreadSerializer,
    TagsQuerySerializer,
)
from graph.queries import albums
from graph.queries.channels import shared_content
from graph.queries.shown import path_as_dict, spread_as_dict
from graph.queries.spread import spread
from media.models import Channel, Post


def _asked(form: type[Serializer[Any]], request: Request, **more: Any) -> dict[str, Any]:
    given = form(data={**request.query_params.dict(), **more})
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _tenants(request: Request) -> list[UUID]:
    return list(tenants_of(request.user).values_list("pk", flat=True))


@extend_schema(tags=["graph"])
class ChannelAlbumsView(APIView):
    """The newest albums of a channel, newest first. 404: it is none of the caller's tenants'."""

    permission_classes = (IsMember,)

    @extend_schema(parameters=[LimitSerializer], responses=GraphAlbumsSerializer)
    def get(self, request: Request, channel_id: str) -> Response:
        channel = visible_or_404(Channel.objects.all(), request.user, channel_id)
        limit = _asked(LimitSerializer, request)["limit"]
        found = albums.find_albums_by_channel(channel.pk, limit)
        return Response(GraphAlbumsSerializer({"albums": found}).data)


@extend_schema(tags=["graph"])
class TaggedAlbumsView(APIView):
    """The newest albums among whose posts and pictures all of the tags occur."""

    permission_classes = (IsMember,)

    @extend_schema(parameters=[TagsQuerySerializer], responses=GraphAlbumsSerializer)
    def get(self, request: Request) -> Response:
        given = request.query_params.getlist("tags")
        tags = [one for text in given for one in text.split(",") if one.strip()]
        asked = _asked(TagsQuerySerializer, request, tags=tags)
        tenants = _tenants(request)
        found = albums.find_albums_by_tags(asked["tags"], asked["limit"], tenants=tenants)
        return Response(GraphAlbumsSerializer({"albums": found}).data)


@extend_schema(tags=["graph"])
class AlbumPostsView(APIView):
    """The posts of an album. 404: it is none of the caller's tenants'."""

    permission_classes = (IsMember,)

    @extend_schema(parameters=[AlbumPostsQuerySerializer], responses=AlbumMembersSerializer)
    def get(self, request: Request, album_id: int) -> Response:
        album = visible(MediaGroup.objects.all(), request.user).filter(pk=album_id).first()
        if album is None:
            raise NotFound
        ordered = _asked(AlbumPostsQuerySerializer, request)["ordered"]
        posts = albums.get_album_posts(album.pk, ordered, channel_id=album.channel_id)
        return Response(AlbumMembersSerializer({"posts": posts}).data)


@extend_schema(tags=["graph"])
class SpreadView(APIView):
    """
    How the pictures, the text and the links of a post spread: who was first, who then, from whom.

    404: it does not exist, or belongs to another tenant.
    """

    permission_classes = (IsMember,)

    @extend_schema(responses=SpreadSerializer)
    def get(self, request: Request, post_id: str) -> Response:
        post = visible_or_404(Post.objects.all(), request.user, post_id)
        return Response(SpreadSerializer(spread_as_dict(spread(post.pk))).data)


@extend_schema(tags=["graph"])
class SharedContentView(APIView):
    """Pairs of channels that share pictures, texts, links or forwards, those that share most first."""

    permission_classes = (IsMember,)

    @extend_schema(parameters=[SharedQuerySerializer], responses=SharedSerializer)
    def get(self, request: Request) -> Response:
        asked = _asked(SharedQuerySerializer, request)
        tenants, channel = _tenants(request), None
        if "channel_id" in asked:
            channel = visible_or_404(Channel.objects.all(), request.user, asked["channel_id"])
            tenants = [channel.tenant_id]
        pairs = shared_content(
            tenants, channel=channel.pk if channel else None, limit=asked["limit"]
        )
        return Response(SharedSerializer({"pairs": pairs}).data)


@extend_schema(tags=["graph"])
class PathView(APIView):
    """What connects two posts. 404: one of them is none of the caller's tenants'."""

    permission_classes = (IsMember,)

    @extend_schema(parameters=[PathQuerySerializer], responses=PathSerializer)
    def get(self, request: Request) -> Response:
        asked = _asked(PathQuerySerializer, request)
        ends = [
            visible_or_404(Post.objects.all(), request.user, asked[name]).pk
            for name in ("first", "second")
        ]
        return Response(PathSerializer(path_as_dict(*ends)).data)
