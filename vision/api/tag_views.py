"""/api/v1/tags: the tags of the caller's tenants; operators also change them."""

from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Action, Row, may_do_to, tenants_of, visible
from accounts.permissions.rest import IsMember, visible_or_404
from media.models import Channel, Post
from vision.api import tag_serializers as forms
from vision.models import PostTag, Tag, TagRule, TagState
from vision.tagging.by_hand import people, synonyms
from vision.tagging.rules import rule_jobs, rules
from vision.tagging.words.names import canonical, part_of_name

POSTS = Count("post_tags", filter=Q(post_tags__state=TagState.ACCEPTED))


@extend_schema_view(get=extend_schema(tags=["tags"], parameters=[forms.TagFilterSerializer]))
class TagsView(ListAPIView[Tag]):
    """Tags by name, with the number of posts that have each; synonyms say what they mean."""

    permission_classes = (IsMember,)
    serializer_class = forms.TagSerializer
    queryset = Tag.objects.none()  # for the API's description

    def get_queryset(self) -> QuerySet[Any]:
        asked = _valid(forms.TagFilterSerializer(data=self.request.query_params.dict()))
        rows = visible(Tag.objects.select_related("merged_into"), self.request.user)
        if "tenant_id" in asked:
            rows = rows.filter(tenant=asked["tenant_id"])
        if "q" in asked:
            part = part_of_name(asked["q"])
            rows = rows.filter(name__contains=part) if part else rows.none()
        if "category" in asked:
            rows = rows.filter(pk__in=_named(asked["category"]))
        return rows.annotate(posts=POSTS).order_by("name", "pk")


@extend_schema(tags=["tags"])
class MergeView(APIView):
    """Make a tag a synonym of another."""

    permission_classes = (IsMember,)

    @extend_schema(request=forms.MergeSerializer, responses=forms.MergedSerializer)
    def post(self, request: Request) -> Response:
        asked = _valid(forms.MergeSerializer(data=request.data))
        pair = [_operated(Tag.objects.all(), request, asked[key]) for key in ("tag_id", "into_id")]
        return Response({"posts": synonyms.merge(*pair, now=timezone.now())})


@extend_schema_view(get=extend_schema(tags=["tags"]))
class ProposalsView(ListAPIView[PostTag]):
    """Tags that wait until a person takes or drops them, the surest first."""

    permission_classes = (IsMember,)
    serializer_class = forms.PostTagSerializer
    queryset = PostTag.objects.none()  # for the API's description

    def get_queryset(self) -> QuerySet[PostTag]:
        rows = PostTag.objects.filter(state=TagState.PROPOSED).select_related("tag")
        return visible(rows, self.request.user).order_by("-confidence", "id")

    @extend_schema(
        tags=["tags"], request=forms.DecisionsSerializer, responses=forms.DecidedSerializer
    )
    def post(self, request: Request) -> Response:
        """Take or drop proposals: all that are named, or none if one is not there (404)."""
        asked = _valid(forms.DecisionsSerializer(data=request.data))
        ids = set(asked["proposals"])
        rows = PostTag.objects.filter(pk__in=ids)
        _check_all(rows, len(ids), request)
        count = people.decide(ids, accept=asked["accept"], user=request.user, now=timezone.now())
        return Response({"decided": count})


@extend_schema(tags=["tags"])
class RulesView(APIView):
    """The rules by which posts get tags."""

    permission_classes = (IsMember,)

    @extend_schema(responses=forms.RuleSerializer(many=True))
    def get(self, request: Request) -> Response:
        found = visible(TagRule.objects.select_related("tag"), request.user)
        rows: Any = found.order_by("created_at", "pk")
        return Response(forms.RuleSerializer(rows, many=True).data)

    @extend_schema(request=forms.MakeRuleSerializer, responses={201: forms.RuleSerializer})
    def post(self, request: Request) -> Response:
        """Keep a rule for posts that come; those that are there change only when it is applied."""
        asked = _valid(forms.MakeRuleSerializer(data=request.data))
        tenant = tenants_of(request.user).filter(pk=asked["tenant_id"]).first()
        if tenant is None:
            raise NotFound
        _require(request, tenant)
        channel = _channel(request, asked["channel_id"])
        rule = rules.make(
            tenant, asked["tag"], channel=channel, word=asked["word"], label=asked["picture_label"]
        )
        return Response(forms.RuleSerializer(rule).data, status=201)


@extend_schema(tags=["tags"])
class RuleView(APIView):
    """One rule, with a preview of what it would do to posts that are there already."""

    permission_classes = (IsMember,)

    @extend_schema(responses=forms.PreviewSerializer)
    def get(self, request: Request, pk: str) -> Response:
        rule = visible_or_404(TagRule.objects.select_related("tag"), request.user, pk)
        seen = rules.preview(rule)
        newest = [post.pk for post in seen.newest]
        told = {"rule": rule, "posts": seen.count, "lacking": seen.lacking, "newest": newest}
        return Response(forms.PreviewSerializer(told).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Delete it; posts keep its tag until they are tagged again."""
        rules.forget(_operated(TagRule.objects.select_related("tag"), request, pk))
        return Response(status=204)


@extend_schema(tags=["tags"])
class RuleApplyView(APIView):
    """Give the tag of a rule to the posts that match it; where they are many, in the background."""

    permission_classes = (IsMember,)

    @extend_schema(request=None, responses=forms.AppliedSerializer)
    def post(self, request: Request, pk: str) -> Response:
        rule = _operated(TagRule.objects.select_related("tag"), request, pk)
        done = rule_jobs.apply_or_want(rule, now=timezone.now())
        return Response({"posts": done or 0, "in_background": done is None})


@extend_schema(tags=["tags"])
class PostTagsView(APIView):
    """The tags of a post: those that hold, that wait, and that a person dropped."""

    permission_classes = (IsMember,)

    @extend_schema(responses=forms.PostTagSerializer(many=True))
    def get(self, request: Request, post_id: str) -> Response:
        post = visible_or_404(Post.objects.all(), request.user, post_id)
        found = PostTag.objects.filter(post=post).select_related("tag")
        rows: Any = found.order_by("tag__name")
        return Response(forms.PostTagSerializer(rows, many=True).data)

    @extend_schema(request=forms.AddTagSerializer, responses={201: forms.PostTagSerializer})
    def post(self, request: Request, post_id: str) -> Response:
        """Give the post a tag, which no machine takes away."""
        post = _operated(Post.objects.select_related("tenant"), request, post_id)
        asked = _valid(forms.AddTagSerializer(data=request.data))
        row = people.add(post, asked["name"], user=request.user, now=timezone.now())
        return Response(forms.PostTagSerializer(row).data, status=201)


@extend_schema(tags=["tags"])
class PostTagView(APIView):
    """One tag of a post, by its name."""

    permission_classes = (IsMember,)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, post_id: str, name: str) -> Response:
        """Remove it, for good: a machine that finds it again is not heard."""
        post = _operated(Post.objects.all(), request, post_id)
        row = PostTag.objects.filter(post=post, tag__name=canonical(name)).first()
        if row is None:
            raise NotFound
        people.remove(row, user=request.user, now=timezone.now())
        return Response(status=204)


def _named(category: str) -> QuerySet[PostTag, Any]:
    """The tags that name such a thing in a post that has them."""
    given = PostTag.objects.filter(category=category, state=TagState.ACCEPTED)
    return given.values("tag")


def _operated(rows: QuerySet[Row], request: Request, pk: str | UUID) -> Row:
    """The visible row; raises 404 if there is none, 403 where the caller may only look."""
    row = visible_or_404(rows, request.user, pk)
    _require(request, row)
    return row


def _require(request: Request, row: Any) -> None:
    if not may_do_to(request.user, Action.OPERATE, row):
        raise PermissionDenied


def _check_all(rows: QuerySet[PostTag], count: int, request: Request) -> None:
    if visible(rows, request.user).count() < count:
        raise NotFound
    if visible(rows, request.user, Action.OPERATE).count() < count:
        raise PermissionDenied


def _channel(request: Request, pk: UUID | None) -> Channel | None:
    return visible_or_404(Channel.objects.all(), request.user, pk) if pk else None


def _valid(form: Any) -> dict[str, Any]:
    form.is_valid(raise_exception=True)
    asked: dict[str, Any] = form.validated_data
    return asked
