"""Pagination by page number: `?page=2&page_size=50`."""

from typing import Any, Final

from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 100
LAST_PAGE: Final = 1_000_000
"""Larger than any list, and small enough for PostgreSQL's OFFSET."""


class PageQuery(serializers.Serializer[Any]):
    page = serializers.IntegerField(min_value=1, max_value=LAST_PAGE, default=1)
    page_size = serializers.IntegerField(min_value=1, max_value=MAX_PAGE_SIZE, default=PAGE_SIZE)


class PageNumbers(BasePagination):
    """
    Pages of the form `{results, total, page, page_size}`.

    A number out of bounds is refused, not corrected. A page after the last one is empty. The
    queryset must have an order.
    """

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        form = PageQuery(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        self.page, self.page_size = form.validated_data["page"], form.validated_data["page_size"]
        self.total = queryset.count()
        start = (self.page - 1) * self.page_size
        return list(queryset[start : start + self.page_size]) if start < self.total else []

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "results": data,
                "total": self.total,
                "page": self.page,
                "page_size": self.page_size,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        number = {"type": "integer", "example": 1}
        return {
            "type": "object",
            "required": ["results", "total", "page", "page_size"],
            "properties": {
                "results": schema,
                "total": number,
                "page": number,
                "page_size": number | {"example": PAGE_SIZE},
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        bounds = {"page": (LAST_PAGE, 1), "page_size": (MAX_PAGE_SIZE, PAGE_SIZE)}
        return [
            {
                "name": name,
                "in": "query",
                "required": False,
                "schema": {"type": "integer", "minimum": 1, "maximum": most, "default": default},
            }
            for name, (most, default) in bounds.items()
        ]
