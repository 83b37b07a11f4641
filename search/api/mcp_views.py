"""/api/v1/mcp: the tools of `search.mcp` over streamable HTTP, under the API's tokens."""

from importlib.util import find_spec
from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.permissions.rest import IsMember
from events.errors import DomainError
from search.mcp.asker import Asker

_PASSED = ("Accept", "Content-Type", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name")


class McpNotInstalled(DomainError):
    """The SDK is an extra that this installation does not have."""

    code: ClassVar[str] = "mcp_not_installed"
    http_status: ClassVar[int] = 501


@extend_schema(exclude=True)
class McpView(APIView):
    """One message of the Model Context Protocol at a time; there are no sessions and no streams."""

    permission_classes = (IsMember,)

    def post(self, request: Request) -> HttpResponse:
        if find_spec("mcp") is None:
            raise McpNotInstalled("mcp is not installed: pip install -r requirements/mcp.txt")
        # Half a second, for those who use it.
        from search.mcp.server import answer_http  # noqa: PLC0415 - see above

        headers = {name: request.headers[name] for name in _PASSED if name in request.headers}
        asker = Asker(request.user)
        status, sent, body = answer_http(lambda: asker, headers=headers, body=request.body)
        sent.pop("content-length", None)
        return HttpResponse(body, status=status, headers=sent)
