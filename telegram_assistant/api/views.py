"""The API's description, and the answer to unknown addresses."""

from typing import Any, NoReturn

from csp.decorators import csp_update
from django.contrib.auth.mixins import LoginRequiredMixin
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from telegram_assistant.security.content_policy import PICTURES_IN_PAGES


class SchemaView(SpectacularAPIView):
    """GET /api/schema/ – the description of all endpoints (OpenAPI 3)."""

    permission_classes = (IsAuthenticated,)


@method_decorator(csp_update(PICTURES_IN_PAGES), name="dispatch")
class DocsView(LoginRequiredMixin, SpectacularSwaggerSplitView):
    """
    GET /api/docs/ – the description as a page, which loads nothing from other hosts.

    Its script has an address of its own (`?script=`), so that the page runs nothing written in it.
    """


@extend_schema(exclude=True)
class UnknownView(APIView):
    """Answers any other address under /api/ with a problem, not with Django's HTML page."""

    permission_classes = (AllowAny,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotFound
