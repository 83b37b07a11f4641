"""/api/v1/posts, /channels and the bytes of files, of the caller's tenants."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import tenants_of, visible
from accounts.permissions.rest import IsMember, visible_or_404
from media import views as files
from media.api import queries
from media.api.cursor import read_page
from media.api.links import links_of
from media.api.parts import parts
from media.api.serializers import (
    ChannelFilterSerializer,
    ChannelSerializer,
    PostDetailSerializer,
    PostPageSerializer,
    PostsSerializer,
)
from media.models import Channel, MediaObject, Post


@extend_schema(tags=["posts"])
class PostsView(APIView):
    """
    Posts, newest first. Filters are combined with AND.

    Pages are read by cursor: `next` of a page is the `cursor` of the one after it. New posts move nothing.
    """

    permission_classes = (IsMember,)

    @extend_schema(
        operation_id="posts_list", parameters=[PostPageSerializer], responses=PostsSerializer
    )
    def get(self, request: Request) -> Response:
        wanted = _wanted(request)
        cursor, size = wanted.pop("cursor", ""), wanted.pop("page_size")
        found = queries.with_media(queries.posts(request.user, **wanted))
        page = read_page(found, cursor=cursor, size=size, filters=wanted)
        return Response(PostsSerializer(page).data)


def _wanted(request: Request) -> dict[str, Any]:
    """The filters; values of `has` may be repeated, or separated by commas."""
    given = request.query_params
    has = [name for text in given.getlist("has") for name in text.split(",") if name]
    form = PostPageSerializer(data={**given.dict(), "has": has} if has else _without_has(given))
    form.is_valid(raise_exception=True)
    wanted = dict(form.validated_data)
    return wanted | {"has": sorted(wanted.get("has", ()))}


def _without_has(given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.dict().items() if name != "has"}


@extend_schema(tags=["posts"])
class PostView(APIView):
    """
    One post with its files, links to them, what was seen and read in them, and its album.

    404: it does not exist, or belongs to another tenant.
    """

    permission_classes = (IsMember,)

    @extend_schema(responses=PostDetailSerializer)
    def get(self, request: Request, post_id: str) -> Response:
        posts = queries.with_media(Post.objects.all())
        post = visible_or_404(posts, request.user, post_id)
        context = {
            "links": links_of(post, request, now=timezone.now()),
            "parts": {p.name: p.read([post.pk]).get(post.pk, p.empty) for p in parts()},
        }
        return Response(PostDetailSerializer(post, context=context).data)


@extend_schema_view(get=extend_schema(tags=["channels"], parameters=[ChannelFilterSerializer]))
class ChannelsView(ListAPIView[Channel]):
    """Channels by title, with the number of their posts and the newest of them."""

    permission_classes = (IsMember,)
    serializer_class = ChannelSerializer
    queryset = Channel.objects.none()  # for the API's description

    def get_queryset(self) -> QuerySet[Channel]:
        form = ChannelFilterSerializer(data=self.request.query_params.dict())
        form.is_valid(raise_exception=True)
        channels = visible(Channel.objects.all(), self.request.user)
        if tenant_id := form.validated_data.get("tenant_id"):
            channels = channels.filter(
                tenant__in=tenants_of(self.request.user).filter(pk=tenant_id)
            )
        return channels.order_by("title", "id")

    def paginate_queryset(self, queryset: Any) -> Any:
        """Read what is shown for the channels of that page only."""
        keys = super().paginate_queryset(queryset.values_list("pk", flat=True))
        page = queries.with_last_post(Channel.objects.filter(pk__in=keys or []))
        self._page = list(page.order_by("title", "id"))
        return self._page

    def get_serializer_context(self) -> dict[str, Any]:
        context = dict(super().get_serializer_context())
        return context | {"figures": queries.figures_of(getattr(self, "_page", []))}


@extend_schema(tags=["channels"])
class ChannelView(APIView):
    """One channel. 404: it does not exist, or belongs to another tenant."""

    permission_classes = (IsMember,)

    @extend_schema(responses=ChannelSerializer)
    def get(self, request: Request, channel_id: str) -> Response:
        channels = queries.with_last_post(Channel.objects.all())
        channel = visible_or_404(channels, request.user, channel_id)
        context = {"figures": queries.figures_of([channel])}
        return Response(ChannelSerializer(channel, context=context).data)


@extend_schema(tags=["posts"])
class ContentView(APIView):
    """
    The bytes of a file, or a redirect to a link of the store.

    404: it does not exist, or belongs to another tenant.
    """

    permission_classes = (IsMember,)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, media_id: str) -> HttpResponseBase:
        media = visible_or_404(MediaObject.objects.all(), request.user, media_id)
        return files.content(request._request, media)  # noqa: SLF001 - DRF's way to Django's request
