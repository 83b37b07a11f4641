"""
GET /health/live, /health/ready, /health and /health/detailed.

Everybody may ask the first three, which say no more than which check failed. Who may scrape the
metrics may see details: no session is needed for that, so it works while the database hangs.
"""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.tokens.authentication import UNCOUNTED
from events.health import Scope
from events.inspection.task_facts import Condition
from telegram_assistant.health import report
from telegram_assistant.metrics import gate
from telegram_assistant.metrics.views import MayScrape


@never_cache
def live(_request: HttpRequest) -> JsonResponse:
    """Whether the process answers; asks nobody else, so a broken database restarts no web server."""
    return JsonResponse({"status": "alive"})


@never_cache
def ready(_request: HttpRequest) -> JsonResponse:
    body = {"status": report.readiness(report.results(Scope.READY))}
    return JsonResponse(body, status=_http_status(body))


@never_cache
def summary(request: HttpRequest) -> JsonResponse:
    body = report.summary(report.results(Scope.READY))
    if gate.is_open_to(request.META):
        body |= report.release()
    return JsonResponse(body, status=_http_status(body))


@extend_schema(exclude=True)
class DetailedView(APIView):
    authentication_classes = UNCOUNTED
    permission_classes = (MayScrape,)
    renderer_classes = (JSONRenderer,)

    def get(self, request: Request) -> Response:
        body = report.detailed(report.results(Scope.DETAILED))
        return Response(body, status=_http_status(body), headers={"Cache-Control": "no-store"})


def _http_status(body: dict[str, Any]) -> HTTPStatus:
    is_bad = body["status"] in {report.NOT_READY, Condition.UNHEALTHY}
    return HTTPStatus.SERVICE_UNAVAILABLE if is_bad else HTTPStatus.OK
