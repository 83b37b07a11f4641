"""All addresses, views, pages and serializers: one that nobody entered in the table fails here by name."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.mixins import LoginRequiredMixin
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework import serializers
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.views import APIView

from accounts.permissions.rest import IsMember
from telegram_assistant.console.tenant_pages import TenantPages, VisibleChoices
from tests.permission_table.endpoints import ADDRESSES, ANYBODY, OWN_ACCOUNT
from tests.permission_table.oracle import KINDS

MADE_BY_PAGES = {
    "", "add/", "<path:object_id>/history/", "<path:object_id>/delete/",
    "<path:object_id>/change/", "<path:object_id>/",
}  # fmt: skip
"""What Django makes for each model; the last one leads to the page of a row."""
FIELDS_THAT_NAME_ROWS = {
    "QuotaCheckRequestSerializer.tenant_id": "quota check",
    "PathQuerySerializer.first": "path",
    "PathQuerySerializer.second": "path",
    "SharedQuerySerializer.channel_id": "what channels share",
    "MediaQuerySerializer.tenant_id": "picture of a tenant",
    "FilterSerializer.channel_id": "posts of a channel",
    "AskSerializer.tenant_id": "ask",
    "PostFilterSerializer.channel_id": "posts, files and channels",
    "PostFilterSerializer.tenant_id": "posts, files and channels",
    "PostPageSerializer.channel_id": "posts, files and channels",
    "PostPageSerializer.tenant_id": "posts, files and channels",
    "ChannelFilterSerializer.tenant_id": "posts, files and channels",
    "AlbumPageSerializer.channel_id": "posts, files, channels and albums",
    "AlbumPageSerializer.tenant_id": "posts, files, channels and albums",
    "ArticleFilterSerializer.tenant_id": "articles are those",
    "ArticleFilterSerializer.post_id": "articles are those",
    "TagFilterSerializer.tenant_id": "tags of a tenant",
    "MergeSerializer.tag_id": "merge tags",
    "MergeSerializer.into_id": "merge tags",
    "MakeRuleSerializer.tenant_id": "make a rule",
    "MakeRuleSerializer.channel_id": "rule of a channel",
}
"""Fields by which a caller may name somebody's rows, and the test that names foreign ones."""
ONLY_ANSWERS = {
    "UsageSerializer", "PostVisionSerializer", "TracedPostVisionSerializer", "TracedSerializer",
    "MediaVisionSerializer", "VisionStatsSerializer", "HitSerializer", "FoundSerializer",
    "SavedSearchSerializer", "SavedMatchSerializer", "MatchSerializer", "PassageSerializer", "AnswerSerializer",
    "HitsSerializer", "SimilarSerializer", "PictureSerializer", "SamePictureSerializer",
    "HitAlbumSerializer", "AlbumSummarySerializer", "AlbumSerializer", "AlbumItemSerializer",
    "AlbumDetailSerializer", "AlbumsSerializer", "WaitSerializer",
    "FileHitSerializer", "PostSerializer", "PostDetailSerializer", "PostsSerializer",
    "FileSerializer", "LinkedFileSerializer", "EntitiesSerializer", "ForwardSerializer",
    "PostProblemSerializer", "ChannelSerializer", "PostAlbumSerializer", "PostAnalysisSerializer",
    "PostDocumentSerializer", "DecisionSerializer", "ArticleSerializer", "ArticleDetailSerializer",
    "VersionSerializer", "PostVersionSerializer",
    "AlbumMemberSerializer", "AlbumMembersSerializer",
    "GraphAlbumSerializer", "GraphAlbumsSerializer", "GraphAnswerSerializer", "HopSerializer",
    "PairSerializer", "PathSerializer", "SeenSerializer", "SharedSerializer", "SpreadSerializer",
    "StepSerializer",
    "HistoricPostSerializer", "HistoricFileSerializer", "MomentSerializer", "VersionsSerializer",
    "PostCountsSerializer", "GrownSerializer",
    "TagSerializer", "PostTagSerializer",
    "RuleSerializer", "PreviewSerializer", "MergedSerializer", "DecidedSerializer",
    "AppliedSerializer",
}  # fmt: skip
"""Serializers that take nothing from a caller."""
ROOMS = {
    "accounts", "albums", "media", "storage_quota", "telegram_assistant", "vision", "events",
    "search", "crawl", "graph",
}  # fmt: skip


def _walk(patterns: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _walk(one.url_patterns, route)
        elif isinstance(one, URLPattern):
            yield route, one.callback


ALL_ROUTES = dict(_walk(get_resolver().url_patterns))


def _is_entered(route: str) -> bool:
    app, _, rest = route.removeprefix("admin/").partition("/")
    model, _, page = rest.partition("/")
    made = route.startswith("admin/") and f"{app}.{model}" in KINDS and page in MADE_BY_PAGES
    return made or route in ADDRESSES or _pattern(route) in ADDRESSES


def _pattern(route: str) -> str:
    """An expression of Django's own, without what changes with the apps that are installed."""
    return next((known for known in ADDRESSES if "(?P" in known and known in route), route).replace(
        "admin/^", "admin/"
    )


def test_each_address_is_in_the_table():
    unknown = [route for route in ALL_ROUTES if not _is_entered(route.replace("^(?P", "(?P"))]

    assert not unknown, f"enter in endpoints.ADDRESSES, and in CALLS if it shows rows: {unknown}"


def test_the_table_has_no_address_that_is_gone():
    routes = [route.replace("^(?P", "(?P") for route in ALL_ROUTES]

    assert [
        one for one in ADDRESSES if not any(r == one or ("(?P" in one and one in r) for r in routes)
    ] == []


def test_each_kind_of_page_is_in_the_table_with_its_actions(rf: Any):
    request = rf.get("/")
    request.user = _Anything()
    found = {
        model._meta.label_lower: set(pages.get_actions(request))
        for model, pages in admin.site._registry.items()
    }

    assert found == {name: set(kind.actions) for name, kind in KINDS.items()}


class _Anything:
    """A user to whom no action is hidden."""

    is_active = is_superuser = is_authenticated = True
    pk = 0

    def has_perm(self, *_: Any) -> bool:
        return True


@pytest.mark.parametrize("name", KINDS)
def test_each_page_of_the_console_asks(name: str):
    pages = next(p for m, p in admin.site._registry.items() if m._meta.label_lower == name)

    assert isinstance(pages, TenantPages)
    for asked in ("get_queryset", "has_view_permission", "has_change_permission"):
        first = next(c for c in type(pages).__mro__ if asked in vars(c))
        assert first is TenantPages, f"{first.__name__}.{asked} answers before the one that asks"
    for inline in pages.inlines:
        assert getattr(inline.model, "tenant_path", None), f"{inline.__name__} shows anybody's rows"


def test_filters_by_related_rows_offer_visible_ones():
    from django.contrib.admin import FieldListFilter  # noqa: PLC0415

    for model, pages in admin.site._registry.items():
        for one in pages.list_filter:
            if isinstance(one, str) and "__" not in one and _is_relation(model, one):
                field = model._meta.get_field(one)
                made = [c for test, c in FieldListFilter._field_list_filters if test(field)]
                assert made[0] is VisibleChoices, f"{model.__name__}.{one}"


def _is_relation(model: Any, name: str) -> bool:
    return bool(model._meta.get_field(name).is_relation)


def _api_views() -> dict[str, type[APIView]]:
    return {
        route: callback.cls
        for route, callback in ALL_ROUTES.items()
        if inspect.isclass(getattr(callback, "cls", None)) and issubclass(callback.cls, APIView)
    }


@pytest.mark.parametrize("route", sorted(_api_views()))
def test_each_view_of_the_api_asks(route: str):
    view = _api_views()[route]
    classes = set(view.permission_classes)

    if issubclass(view, LoginRequiredMixin):
        assert ADDRESSES[route] == OWN_ACCOUNT
    elif AllowAny in classes or not classes:
        assert ADDRESSES[route] == ANYBODY, f"{view.__name__} asks nobody"
    elif IsAuthenticated in classes:
        assert ADDRESSES[route] == OWN_ACCOUNT, f"{view.__name__} takes whoever is signed in"
    else:
        assert all(
            one.__module__.startswith(("accounts.", "telegram_assistant.")) for one in classes
        )
        assert ADDRESSES[route] not in {ANYBODY, OWN_ACCOUNT}


def test_whoever_forgets_to_say_who_may_ask_gets_members_only(settings: Any):
    assert APIView.permission_classes == [IsMember]


def _named_fields() -> set[str]:
    """Fields of the API by which a row may be named: relations, ids and hashes."""
    named = (serializers.UUIDField, serializers.RelatedField, serializers.ManyRelatedField)
    return {
        f"{kind.__name__}.{name}"
        for kind in _subclasses(serializers.Serializer)
        if kind.__module__.partition(".")[0] in ROOMS and kind.__name__ not in ONLY_ANSWERS
        for name, one in kind().fields.items()
        if isinstance(one, named) or name.endswith(("_id", "_ids", "sha256"))
    }


def _subclasses(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        yield one
        yield from _subclasses(one)


def test_each_field_that_names_a_row_is_tried_with_a_foreign_one():
    assert _named_fields() == set(FIELDS_THAT_NAME_ROWS)
