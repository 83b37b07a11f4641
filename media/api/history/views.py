"""What posts were at any instant, and how their counts grew. Members see those of their tenants."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import tenants_of
from accounts.permissions.rest import IsMember, visible_or_404
from media.api.history.serializers import (
    AtQuerySerializer,
    GrowthQuerySerializer,
    GrowthSerializer,
    MomentSerializer,
    PostCountsSerializer,
    VersionsSerializer,
)
from media.history import shown
from media.history.counts.growth import Day, fastest_growing
from media.history.read import PostHistory, history_of
from media.models import Post


def _history(request: Request, post_id: str) -> PostHistory:
    posts = Post.objects.select_related("channel")
    return history_of(visible_or_404(posts, request.user, post_id))


@extend_schema(tags=["history"])
class PostAtView(APIView):
    """A post as its channel showed it at an instant. 404: it does not exist, or not for you."""

    permission_classes = (IsMember,)

    @extend_schema(parameters=[AtQuerySerializer], responses=MomentSerializer)
    def get(self, request: Request, post_id: str) -> Response:
        history = _history(request, post_id)
        form = AtQuerySerializer(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        at = history.at(form.validated_data["time"])
        return Response(MomentSerializer(shown.moment(history, at)).data)


@extend_schema(tags=["history"])
class PostVersionsView(APIView):
    """All versions of a post, and when it was deleted."""

    permission_classes = (IsMember,)

    @extend_schema(responses=VersionsSerializer)
    def get(self, request: Request, post_id: str) -> Response:
        return Response(VersionsSerializer(shown.versions(_history(request, post_id))).data)


@extend_schema(tags=["history"])
class PostCountsView(APIView):
    """Views, forwards, replies and reactions of a post with the times at which they were read."""

    permission_classes = (IsMember,)

    @extend_schema(responses=PostCountsSerializer)
    def get(self, request: Request, post_id: str) -> Response:
        return Response(PostCountsSerializer(shown.counts(_history(request, post_id))).data)


@extend_schema(tags=["history"])
class GrowthView(APIView):
    """The posts of the caller's tenants whose count grew most on a day."""

    permission_classes = (IsMember,)

    @extend_schema(parameters=[GrowthQuerySerializer], responses=GrowthSerializer)
    def get(self, request: Request) -> Response:
        form = GrowthQuerySerializer(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        asked: dict[str, Any] = form.validated_data
        day = Day.of(asked["day"], timezone.get_current_timezone())
        found = fastest_growing(
            day, tenants_of(request.user), metric=asked["by"], most=asked["limit"]
        )
        results = [shown.grown(one) for one in found]
        return Response(GrowthSerializer({**asked, "results": results}).data)
