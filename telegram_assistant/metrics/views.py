"""GET /metrics of the web server."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.access import Action, may_everywhere
from accounts.tokens.authentication import UNCOUNTED
from telegram_assistant.metrics import exposition, gate


class MayScrape(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        # The gate first: it needs no database, which may hang.
        return gate.is_open_to(request.META) or may_everywhere(request.user, Action.OPERATE)


class OwnFormats(BaseContentNegotiation):
    """Whatever is asked for: the page chooses its format by itself, and always has one."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return None

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type or ""


@extend_schema(exclude=True)
class MetricsView(APIView):
    authentication_classes = UNCOUNTED
    permission_classes = (MayScrape,)
    content_negotiation_class = OwnFormats

    def get(self, request: Request) -> HttpResponse:
        body, content_type = exposition.page(request.headers.get("Accept", ""))
        return HttpResponse(body, content_type=content_type)
