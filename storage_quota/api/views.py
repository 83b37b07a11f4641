"""/api/v1/storage/ – usage of the bucket, whether an upload would fit, and cleaning up."""

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Tenant
from accounts.permissions.rest import (
    IsMember,
    MayOperateEverything,
    MayViewEverything,
    visible_or_404,
)
from storage_quota import selectors, services
from storage_quota.api.serializers import (
    CleanupRequestSerializer,
    CleanupSerializer,
    ForecastSerializer,
    QuotaCheckRequestSerializer,
    QuotaSerializer,
    StatsSerializer,
    UsageSerializer,
)
from storage_quota.cleanup.operator import clean_up


@extend_schema(tags=["storage"])
class QuotaView(APIView):
    """Usage of the whole bucket, over all tenants; for who may view each of them."""

    permission_classes = (MayViewEverything,)

    @extend_schema(responses=QuotaSerializer)
    def get(self, request: Request) -> Response:
        report = {"usage": selectors.bucket_report(), "limits": settings.LIMITS}
        return Response(QuotaSerializer(report).data)


@extend_schema(tags=["storage"])
class UsageView(APIView):
    """Usage of one tenant. Members see their own; any other answers 404."""

    permission_classes = (IsMember,)

    @extend_schema(responses=UsageSerializer)
    def get(self, request: Request, tenant_id: str) -> Response:
        tenant = visible_or_404(Tenant.objects.all(), request.user, tenant_id)
        report = {"usage": selectors.tenant_report(tenant), "tenant": tenant}
        return Response(UsageSerializer(report).data)


@extend_schema(tags=["storage"])
class QuotaCheckView(APIView):
    """Whether an upload would fit now. Nothing is reserved; a no is an answer, and is counted."""

    permission_classes = (IsMember,)

    @extend_schema(request=QuotaCheckRequestSerializer, responses=ForecastSerializer)
    def post(self, request: Request) -> Response:
        form = QuotaCheckRequestSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        outlook = services.forecast(
            tenant=form.validated_data["tenant_id"],
            content_type=form.validated_data["content_type"],
            size_bytes=form.validated_data["size_bytes"],
        )
        return Response(ForecastSerializer(outlook, context={"request": request}).data)


@extend_schema(tags=["storage"])
class CleanupView(APIView):
    """Clean up the bucket, for who may operate every tenant. The body may be left out."""

    permission_classes = (MayOperateEverything,)

    @extend_schema(request=CleanupRequestSerializer, responses=CleanupSerializer)
    def post(self, request: Request) -> Response:
        form = CleanupRequestSerializer(data={} if request.data is None else request.data)
        form.is_valid(raise_exception=True)
        cleaning = clean_up(
            force=form.validated_data["force"],
            target_free_bytes=form.validated_data.get("target_free_gb"),
            now=timezone.now(),
        )
        return Response(CleanupSerializer(cleaning).data)


@extend_schema(tags=["storage"])
class StatsView(APIView):
    """Usage, limits and lifetimes in one response; for who may view every tenant."""

    permission_classes = (MayViewEverything,)

    @extend_schema(responses=StatsSerializer)
    def get(self, request: Request) -> Response:
        report = {
            "usage": selectors.bucket_report(),
            "limits": settings.LIMITS,
            "policies": settings.CLEANUP,
        }
        return Response(StatsSerializer(report).data)
