"""/api/v1/vision/: the analyses of posts and pictures. Members see those of their tenants."""

import re
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import tenants_of, visible
from accounts.permissions.rest import IsMember, visible_or_404
from media.models import Channel, Post
from media.selectors import find_posts
from vision.api import queries
from vision.api.serializers import (
    FilterSerializer,
    MediaQuerySerializer,
    MediaVisionSerializer,
    PostVisionSerializer,
    TracedPostVisionSerializer,
    VisionStatsSerializer,
)
from vision.models import PostEnrichment

SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")


@extend_schema(tags=["vision"])
class PostVisionView(APIView):
    """One post. 404: it does not exist, is not analyzed (yet), or belongs to another tenant."""

    permission_classes = (IsMember,)

    @extend_schema(responses=TracedPostVisionSerializer)
    def get(self, request: Request, post_id: str) -> Response:
        rows = queries.with_details(queries.analyzed())
        row = visible_or_404(rows, request.user, post_id, field="post_id")
        return Response(TracedPostVisionSerializer(row).data)


@extend_schema_view(get=extend_schema(tags=["vision"], parameters=[FilterSerializer]))
class PostsVisionView(ListAPIView[PostEnrichment]):
    """Analyzed posts, last analyzed first. Filters are combined with AND."""

    permission_classes = (IsMember,)
    serializer_class = PostVisionSerializer
    queryset = PostEnrichment.objects.none()  # for the API's description

    def get_queryset(self) -> QuerySet[PostEnrichment]:
        form = FilterSerializer(data=self.request.query_params.dict())
        form.is_valid(raise_exception=True)
        wanted = form.validated_data
        return self._rows(wanted.pop("channel_id", None)).filter(_conditions(**wanted))

    def _rows(self, channel_id: UUID | None) -> QuerySet[PostEnrichment]:
        """Check access to the channel first: with both conditions in one query no index fits."""
        if channel_id is None:
            return visible(queries.analyzed(), self.request.user)
        channels = Channel.objects.visible_to(self.request.user).filter(pk=channel_id)
        rows = queries.analyzed()
        return rows.filter(channel=channel_id) if channels.exists() else rows.none()

    def paginate_queryset(self, queryset: Any) -> Any:
        """Page over the keys, an index-only scan, and read the rows of that page only."""
        keys = super().paginate_queryset(queryset.values_list("pk", flat=True))
        return queries.with_details(queries.analyzed()).filter(pk__in=keys or [])


@extend_schema(tags=["vision"])
class MediaVisionView(APIView):
    """
    One picture by its SHA-256, independent of the posts that show it.

    Several tenants may have the same picture: without `tenant_id`, the newest analysis among the
    caller's tenants is returned.
    """

    permission_classes = (IsMember,)

    @extend_schema(parameters=[MediaQuerySerializer], responses=MediaVisionSerializer)
    def get(self, request: Request, sha256: str) -> Response:
        if not SHA256.fullmatch(sha256):
            raise ValidationError({"sha256": "64 hexadecimal digits are required."})
        form = MediaQuerySerializer(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        tenants = tenants_of(request.user)
        if form.validated_data:
            tenants = tenants.filter(pk=form.validated_data["tenant_id"])
        found = queries.newest_analysis(tenants.values_list("pk", flat=True), sha256.lower())
        if found is None:
            raise NotFound
        return Response(MediaVisionSerializer(found).data)


@extend_schema(tags=["vision"])
class VisionStatsView(APIView):
    """Totals over all analyzed posts of the caller's tenants."""

    permission_classes = (IsMember,)

    @extend_schema(responses=VisionStatsSerializer)
    def get(self, request: Request) -> Response:
        rows = PostEnrichment.objects.visible_to(request.user)
        return Response(VisionStatsSerializer(queries.totals(rows)).data)


def _conditions(**values: Any) -> Q:
    rules = {
        "has_meme": lambda value: Q(vision_is_meme=value),
        "provider": lambda value: queries.PROVIDERS[value],
        "q": lambda value: Q(post__in=find_posts(Post.objects.order_by(), value)),
        "analyzed_after": lambda value: Q(vision_analyzed_at__gt=value),
    }
    conditions = Q()
    for name, value in values.items():
        conditions &= rules[name](value)
    return conditions
