"""/api/v1/search/ask: a question answered out of the posts of the caller's tenants."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import time_zones
from accounts.access import Action, may, tenants_of
from accounts.models import Tenant
from accounts.permissions.rest import IsMember, visible_or_404
from accounts.rate_limits.requests import count_question
from search.api.ask_serializers import AnswerSerializer, AskSerializer
from search.ask.once import ask_once


@extend_schema(tags=["search"])
class AskView(APIView):
    """
    Answer a question with citations, or say that the archive does not know.

    An answer costs tokens of a tenant, so its role has to allow that, as has the scope of a token;
    whoever may only read gets the passages. Each sentence cites passages, which are posts; what
    cites none is left out.
    """

    permission_classes = (IsMember,)

    @extend_schema(request=AskSerializer, responses=AnswerSerializer)
    def post(self, request: Request) -> Response:
        form = AskSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        tenants = self._tenants(asked.get("tenant_id"))
        count_question(request.user.pk)
        answer = ask_once(
            request.user.pk,
            asked["question"],
            tenants,
            may_spend=lambda tenant: may(request.user, Action.OPERATE, tenant),
            zone=time_zones.find(getattr(request.user, "time_zone", "")),
        )
        return Response(AnswerSerializer(answer).data)

    def _tenants(self, tenant_id: Any) -> tuple[Any, ...]:
        user = self.request.user
        if tenant_id is not None:
            return (visible_or_404(Tenant.objects.all(), user, tenant_id).pk,)
        return tuple(tenants_of(user).values_list("pk", flat=True))
