"""/api/v1/search: posts of the caller's tenants, by words, meaning and conditions, or like another one."""

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions.rest import IsMember
from search.api.serializers import (
    FoundSerializer,
    SearchQuerySerializer,
    SimilarQuerySerializer,
    SimilarSerializer,
)
from search.services.facets import facets_of
from search.services.find import search
from search.services.results.shown import shown
from search.services.similar.posts import UnknownPost, similar


@extend_schema(tags=["search"])
class SearchView(APIView):
    """
    Posts of the caller's tenants by a text in the query language, the best first.

    No text is refused: what was not understood or could not be applied is in `problems`, and the
    rest is searched. What did not work meanwhile is in `degraded`.
    """

    permission_classes = (IsMember,)

    @extend_schema(parameters=[SearchQuerySerializer], responses=FoundSerializer)
    def get(self, request: Request) -> Response:
        form = SearchQuerySerializer(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        found = search(request.user, asked["q"], limit=asked["limit"], offset=asked["offset"])
        counted = facets_of(request.user, asked["q"], asked["facets"]) if asked["facets"] else None
        context = {"shown": shown(found), "facets": counted}
        return Response(FoundSerializer(found, context=context).data)


@extend_schema(tags=["search"])
class SimilarView(APIView):
    """
    Posts like one of the caller's: with nearly the same picture, and of like meaning.

    They are of the same tenant. Neither the post itself nor an item of its album is among them.
    404: it does not exist, or belongs to another tenant.
    """

    permission_classes = (IsMember,)

    @extend_schema(parameters=[SimilarQuerySerializer], responses=SimilarSerializer)
    def get(self, request: Request) -> Response:
        form = SimilarQuerySerializer(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        try:
            found = similar(
                request.user,
                asked["post"],
                by=asked["by"],
                limit=asked["limit"],
                offset=asked["offset"],
            )
        except UnknownPost as error:
            raise NotFound from error
        return Response(SimilarSerializer(found, context={"shown": shown(found.hits)}).data)
