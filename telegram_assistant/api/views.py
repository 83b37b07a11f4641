"""The API's description, and the answer to unknown addresses."""

from typing import Any, NoReturn

from django.contrib.auth.mixins import LoginRequiredMixin
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView


class SchemaView(SpectacularAPIView):
    """GET /api/schema/ – the description of all endpoints (OpenAPI 3)."""

    permission_classes = (IsAuthenticated,)


class DocsView(LoginRequiredMixin, SpectacularSwaggerView):
    """GET /api/docs/ – the description as a page, which loads nothing from other hosts."""


@extend_schema(exclude=True)
class UnknownView(APIView):
    """Answers any other address under /api/ with a problem, not with Django's HTML page."""

    permission_classes = (AllowAny,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotFound
