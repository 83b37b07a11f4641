"""/api/v1/search/saved: the caller's own saved searches; nobody sees or changes those of others."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions.rest import IsMember, MayWriteOwn, parse_uuid
from search.api.saved_serializers import (
    ChangeSerializer,
    MarkedSerializer,
    MarkSerializer,
    MatchesQuerySerializer,
    SavedMatchSerializer,
    SavedSearchSerializer,
    SaveSerializer,
)
from search.models import SavedSearch, SearchMatch
from search.saved import keep
from search.saved.matches import Counted, mark_seen, matches_of, saved_searches


class OwnSearches(APIView):
    """The base of these views; whatever is no search of the caller's own is answered 404."""

    permission_classes = (IsMember, MayWriteOwn)

    def own(self, pk: str) -> Counted:
        found = saved_searches(self.request.user).filter(pk=parse_uuid(pk)).first()
        if found is None:
            raise NotFound
        return found

    def answer(self, kept: SavedSearch, status: int = 200) -> Response:
        return Response(SavedSearchSerializer(self.own(str(kept.pk))).data, status=status)


@extend_schema(tags=["search"])
class SavedSearchesView(OwnSearches):
    """The caller's saved searches, the newest first."""

    @extend_schema(responses=SavedSearchSerializer(many=True))
    def get(self, request: Request) -> Response:
        rows: Any = saved_searches(request.user)
        return Response(SavedSearchSerializer(rows, many=True).data)

    @extend_schema(request=SaveSerializer, responses={201: SavedSearchSerializer})
    def post(self, request: Request) -> Response:
        """Save a search. What could not work, or would match nearly everything, is refused: 422."""
        asked = _valid(SaveSerializer(data=request.data))
        kept = keep.save(request.user, asked["q"], name=asked["name"], now=timezone.now())
        return self.answer(kept, status=201)


@extend_schema(tags=["search"])
class SavedSearchView(OwnSearches):
    """One saved search of the caller."""

    @extend_schema(responses=SavedSearchSerializer)
    def get(self, request: Request, pk: str) -> Response:
        return self.answer(self.own(pk))

    @extend_schema(request=ChangeSerializer, responses=SavedSearchSerializer)
    def patch(self, request: Request, pk: str) -> Response:
        """Change name or query, pause or resume; a changed or resumed one begins anew."""
        kept, asked = self.own(pk), _valid(ChangeSerializer(data=request.data))
        changed = keep.change(
            kept,
            name=asked.get("name"),
            text=asked.get("q"),
            is_paused=asked.get("paused"),
            by=request.user,
            now=timezone.now(),
        )
        return self.answer(changed)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Delete it with all its matches."""
        keep.forget(self.own(pk))
        return Response(status=204)


@extend_schema_view(get=extend_schema(tags=["search"], parameters=[MatchesQuerySerializer]))
class MatchesView(OwnSearches, ListAPIView[SearchMatch]):
    """The posts that a saved search has matched, the latest first."""

    serializer_class = SavedMatchSerializer
    queryset = SearchMatch.objects.none()  # for the API's description

    def get_queryset(self) -> QuerySet[SearchMatch]:
        asked = _valid(MatchesQuerySerializer(data=self.request.query_params.dict()))
        return matches_of(self.own(self.kwargs["pk"]), self.request.user, unseen=asked["unseen"])


@extend_schema(tags=["search"])
class SeenView(OwnSearches):
    """Mark matches of a saved search as seen."""

    @extend_schema(request=MarkSerializer, responses=MarkedSerializer)
    def post(self, request: Request, pk: str) -> Response:
        kept, asked = self.own(pk), _valid(MarkSerializer(data=request.data))
        marked = mark_seen(kept, request.user, now=timezone.now(), ids=asked.get("matches"))
        return Response({"marked": marked})


def _valid(form: Any) -> dict[str, Any]:
    form.is_valid(raise_exception=True)
    asked: dict[str, Any] = form.validated_data
    return asked
