"""/api/v1/articles: pages that posts point to, of the caller's tenants."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import tenants_of, visible
from accounts.permissions.rest import IsMember, visible_or_404
from crawl.api.serializers import (
    ArticleDetailSerializer,
    ArticleFilterSerializer,
    ArticleSerializer,
)
from crawl.models import CrawledPage


@extend_schema_view(get=extend_schema(tags=["articles"], parameters=[ArticleFilterSerializer]))
class ArticlesView(ListAPIView[CrawledPage]):
    """Articles, those asked for last first. Filters are combined with AND."""

    permission_classes = (IsMember,)
    serializer_class = ArticleSerializer
    queryset = CrawledPage.objects.none()  # for the API's description

    def get_queryset(self) -> QuerySet[CrawledPage]:
        form = ArticleFilterSerializer(data=self.request.query_params.dict())
        form.is_valid(raise_exception=True)
        wanted = form.validated_data
        pages = visible(CrawledPage.objects.all(), self.request.user)
        if tenant_id := wanted.get("tenant_id"):
            pages = pages.filter(tenant__in=tenants_of(self.request.user).filter(pk=tenant_id))
        if post_id := wanted.get("post_id"):
            pages = pages.filter(mentions__post=post_id)
        same = {name: wanted[name] for name in ("state", "host") if name in wanted}
        return pages.filter(**same).order_by("-requested_at", "id")


@extend_schema(tags=["articles"])
class ArticleView(APIView):
    """
    One article with its text and its versions.

    404: it does not exist, or belongs to another tenant.
    """

    permission_classes = (IsMember,)

    @extend_schema(responses=ArticleDetailSerializer)
    def get(self, request: Request, article_id: str) -> Response:
        page = visible_or_404(CrawledPage.objects.all(), request.user, article_id)
        return Response(ArticleDetailSerializer(page).data)
