"""Every address that is no page of a row: what it is called, and what stands in the table about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.permission_table.oracle import (
    NOBODY,
    OPERATE,
    TENANTS,
    VIEW,
    Endpoint,
)
from tests.permission_table.world import World

ANYBODY: Final = "anybody"
"""Said to whoever asks: there is nothing of a tenant in it."""
OWN_ACCOUNT: Final = "own account"
"""For whoever is signed in, about nobody else."""
CONSOLE: Final = "console"
"""For whoever is admitted to the console; shows what its other pages would show."""
API: Final = "api"
MEDIA: Final = "media"
GENERATED: Final = "generated"
"""Made by the pages of each kind; `oracle.page` knows."""

ADDRESSES: Final[dict[str, str]] = {
    "": ANYBODY,  # leads to the console
    "health": ANYBODY,
    "health/live": ANYBODY,
    "health/ready": ANYBODY,
    "health/detailed": API,
    "metrics": API,
    "api/v1/mcp": API,  # shows what the tools of tests/integration/test_mcp.py show
    "api/v1/posts/<str:post_id>/at": API,
    "api/v1/posts/<str:post_id>/versions": API,
    "api/v1/posts/<str:post_id>/counts": API,
    "api/v1/growth": API,
    "api/v1/search": API,
    "api/v1/graph/channels": API,
    "api/v1/graph/channels/<str:channel_id>/albums": API,
    "api/v1/graph/albums": API,
    "api/v1/graph/albums/<int:album_id>/posts": API,
    "api/v1/graph/posts/<str:post_id>/spread": API,
    "api/v1/graph/path": API,
    "api/v1/search/ask": API,
    "api/v1/search/saved": API,
    "api/v1/search/saved/<str:pk>": API,
    "api/v1/search/saved/<str:pk>/matches": API,
    "api/v1/search/saved/<str:pk>/seen": API,
    "api/v1/search/similar": API,
    "api/v1/posts": API,
    "api/v1/posts/<str:post_id>": API,
    "api/v1/albums": API,
    "api/v1/albums/<str:album_id>": API,
    "api/v1/articles": API,
    "api/v1/articles/<str:article_id>": API,
    "api/v1/channels": API,
    "api/v1/channels/<str:channel_id>": API,
    "api/v1/media/<str:media_id>/content": API,
    "api/v1/storage/quota": API,
    "api/v1/storage/quota/check": API,
    "api/v1/storage/usage/<str:tenant_id>": API,
    "api/v1/storage/cleanup": API,
    "api/v1/storage/stats": API,
    "api/v1/vision/posts": API,
    "api/v1/vision/posts/<str:post_id>": API,
    "api/v1/vision/media/<str:sha256>": API,
    "api/v1/vision/stats": API,
    "api/v1/tags": API,
    "api/v1/tags/merge": API,
    "api/v1/tags/proposals": API,
    "api/v1/tags/rules": API,
    "api/v1/tags/rules/<str:pk>": API,
    "api/v1/tags/rules/<str:pk>/apply": API,
    "api/v1/tags/posts/<str:post_id>": API,
    "api/v1/tags/posts/<str:post_id>/<str:name>": API,
    "api/schema/": OWN_ACCOUNT,
    "api/docs/": OWN_ACCOUNT,
    "api/": ANYBODY,  # whatever is left: always 404
    "admin/": CONSOLE,
    "admin/find/": CONSOLE,
    "admin/graph/": CONSOLE,
    "admin/ask/": CONSOLE,
    "admin/saved-searches/": CONSOLE,
    "admin/saved-searches/<uuid:pk>/": CONSOLE,
    "admin/growth/": CONSOLE,
    "admin/my-settings/": CONSOLE,
    "admin/my-tokens/": CONSOLE,
    "admin/invite/": CONSOLE,
    "admin/login/": ANYBODY,
    "admin/logout/": OWN_ACCOUNT,
    "admin/password_change/": CONSOLE,
    "admin/password_change/done/": CONSOLE,
    "admin/autocomplete/": CONSOLE,
    "admin/jsi18n/": ANYBODY,  # the texts of Django's own scripts
    "admin/r/<path:content_type_id>/<path:object_id>/": CONSOLE,
    "admin/(?P<app_label>": CONSOLE,
    "admin/(?P<url>.*)$": CONSOLE,  # whatever is left: always 404
    "admin/media/mediaobject/<uuid:media_id>/thumbnail/": MEDIA,
    "admin/media/mediaobject/<uuid:media_id>/content/": MEDIA,
    "admin/storage_quota/tenantusage/cleanup/": API,
    "admin/accounts/user/<id>/password/": GENERATED,
    # Signing in, and what everybody does with the own account.
    "accounts/login/": ANYBODY,
    "accounts/logout/": ANYBODY,
    "accounts/inactive/": ANYBODY,
    "accounts/signup/": ANYBODY,
    "accounts/password/reset/": ANYBODY,
    "accounts/password/reset/done/": ANYBODY,
    "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)/$": ANYBODY,
    "accounts/password/reset/key/done/": ANYBODY,
    "accounts/2fa/authenticate/": ANYBODY,
    "accounts/2fa/webauthn/login/": ANYBODY,
    "accounts/identities/login/cancelled/": ANYBODY,
    "accounts/identities/login/error/": ANYBODY,
    "accounts/identities/signup/": ANYBODY,
    "accounts/oidc/(?P<provider_id>[^/]+)/login/": ANYBODY,
    "accounts/oidc/(?P<provider_id>[^/]+)/login/callback/": ANYBODY,
    "accounts/reauthenticate/": OWN_ACCOUNT,
    "accounts/password/change/": OWN_ACCOUNT,
    "accounts/password/none/": OWN_ACCOUNT,
    "accounts/sessions/": OWN_ACCOUNT,
    "accounts/identities/": OWN_ACCOUNT,
    "accounts/2fa/": OWN_ACCOUNT,
    "accounts/2fa/reauthenticate/": OWN_ACCOUNT,
    "accounts/2fa/totp/activate/": OWN_ACCOUNT,
    "accounts/2fa/totp/deactivate/": OWN_ACCOUNT,
    "accounts/2fa/recovery-codes/": OWN_ACCOUNT,
    "accounts/2fa/recovery-codes/generate/": OWN_ACCOUNT,
    "accounts/2fa/recovery-codes/download/": OWN_ACCOUNT,
    "accounts/2fa/webauthn/": OWN_ACCOUNT,
    "accounts/2fa/webauthn/add/": OWN_ACCOUNT,
    "accounts/2fa/webauthn/reauthenticate/": OWN_ACCOUNT,
    "accounts/2fa/webauthn/keys/<int:pk>/remove/": OWN_ACCOUNT,
    "accounts/2fa/webauthn/keys/<int:pk>/edit/": OWN_ACCOUNT,
}


@dataclass(frozen=True)
class Call:
    """One way to call an endpoint: with which method, about what, and by which right."""

    name: str
    method: str
    address: Callable[[World, Any], str]
    rule: Endpoint
    body: Callable[[World, Any], Any] = lambda _world, _tenant: None


def _tenant(world: World, whose: str) -> Any:
    return world.tenants[whose].pk if whose in world.tenants else world.missing("accounts.tenant")


def _key(kind: str) -> Callable[[World, str], Any]:
    def key(world: World, whose: str) -> Any:
        return world.missing(kind) if whose == NOBODY else world.row(kind, whose).pk

    return key


def _sha256(world: World, whose: str) -> str:
    return "ab" * 32 if whose == NOBODY else world.row("media.mediaobject", whose).file_sha256


def _into(world: World, whose: str) -> Any:
    """Another tag of the same tenant."""
    if whose == NOBODY:
        return world.missing("vision.tag")
    return world.row("vision.posttag", whose).tag_id


def _fixed(address: str) -> Callable[[World, str], str]:
    return lambda _world, _whose: address


_OBJECTS: Final = (*TENANTS, NOBODY)
_post, _channel, _album = _key("media.post"), _key("media.channel"), _key("albums.mediagroup")
_media = _key("media.mediaobject")
_album = _key("albums.mediagroup")
_article = _key("crawl.crawledpage")
_tag, _rule, _proposal = (_key(f"vision.{kind}") for kind in ("tag", "tagrule", "posttag"))
_EVERYWHERE, _OPERATORS = Endpoint(VIEW), Endpoint(OPERATE)
_OWN = Endpoint(VIEW, _OBJECTS)
_OPERATED = Endpoint(OPERATE, _OBJECTS)
_V1: Final = "/api/v1"

CALLS: Final = (
    Call("quota", "GET", _fixed(f"{_V1}/storage/quota"), _EVERYWHERE),
    Call("stats", "GET", _fixed(f"{_V1}/storage/stats"), _EVERYWHERE),
    Call("cleanup", "POST", _fixed(f"{_V1}/storage/cleanup"), _OPERATORS, lambda *_: {}),
    Call("usage", "GET", lambda w, t: f"{_V1}/storage/usage/{_tenant(w, t)}", _OWN),
    Call(
        "quota check", "POST", _fixed(f"{_V1}/storage/quota/check"), _OWN,
        lambda w, t: {
            "tenant_id": str(_tenant(w, t)), "size_bytes": 1, "content_type": "media",
        },
    ),
    Call(
        "ask", "POST", _fixed(f"{_V1}/search/ask"), _OWN,
        lambda w, t: {"question": "anything", "tenant_id": str(_tenant(w, t))},
    ),
    Call("post at", "GET", lambda w, t: f"{_V1}/posts/{_post(w, t)}/at?time=2027-01-01", _OWN),
    Call("post versions", "GET", lambda w, t: f"{_V1}/posts/{_post(w, t)}/versions", _OWN),
    Call("post counts", "GET", lambda w, t: f"{_V1}/posts/{_post(w, t)}/counts", _OWN),
    Call("post", "GET", lambda w, t: f"{_V1}/vision/posts/{_post(w, t)}", _OWN),
    Call("picture", "GET", lambda w, t: f"{_V1}/vision/media/{_sha256(w, t)}", _OWN),
    Call(
        "picture of a tenant", "GET",
        lambda w, t: f"{_V1}/vision/media/{_sha256(w, t)}?tenant_id={_tenant(w, t)}", _OWN,
    ),
    Call("similar", "GET", lambda w, t: f"{_V1}/search/similar?post={_post(w, t)}", _OWN),
    Call("post with everything", "GET", lambda w, t: f"{_V1}/posts/{_post(w, t)}", _OWN),
    Call("album", "GET", lambda w, t: f"{_V1}/albums/{_album(w, t)}", _OWN),
    Call("article", "GET", lambda w, t: f"{_V1}/articles/{_article(w, t)}", _OWN),
    Call("channel", "GET", lambda w, t: f"{_V1}/channels/{_channel(w, t)}", _OWN),
    Call("spread", "GET", lambda w, t: f"{_V1}/graph/posts/{_post(w, t)}/spread", _OWN),
    Call(
        "path", "GET",
        lambda w, t: f"{_V1}/graph/path?first={_post(w, t)}&second={_post(w, t)}", _OWN,
    ),
    Call(
        "albums of a channel", "GET",
        lambda w, t: f"{_V1}/graph/channels/{_channel(w, t)}/albums", _OWN,
    ),
    Call(
        "what channels share", "GET",
        lambda w, t: f"{_V1}/graph/channels?channel_id={_channel(w, t)}", _OWN,
    ),
    Call("posts of an album", "GET", lambda w, t: f"{_V1}/graph/albums/{_album(w, t)}/posts", _OWN),
    Call("bytes of a file", "GET", lambda w, t: f"{_V1}/media/{_media(w, t)}/content", _OWN),
    Call("tags of a post", "GET", lambda w, t: f"{_V1}/tags/posts/{_post(w, t)}", _OWN),
    Call(
        "tag a post", "POST", lambda w, t: f"{_V1}/tags/posts/{_post(w, t)}", _OPERATED,
        lambda *_: {"name": "anything"},
    ),
    Call(
        "untag a post", "DELETE", lambda w, t: f"{_V1}/tags/posts/{_post(w, t)}/proposed", _OPERATED
    ),
    Call("preview of a rule", "GET", lambda w, t: f"{_V1}/tags/rules/{_rule(w, t)}", _OWN),
    Call("delete a rule", "DELETE", lambda w, t: f"{_V1}/tags/rules/{_rule(w, t)}", _OPERATED),
    Call("apply a rule", "POST", lambda w, t: f"{_V1}/tags/rules/{_rule(w, t)}/apply", _OPERATED),
    Call(
        "make a rule", "POST", _fixed(f"{_V1}/tags/rules"), _OPERATED,
        lambda w, t: {"tag": "anything", "tenant_id": str(_tenant(w, t)), "word": "anything"},
    ),
    Call(
        "rule of a channel", "POST", _fixed(f"{_V1}/tags/rules"), _OPERATED,
        lambda w, t: {
            "tag": "anything", "tenant_id": str(_tenant(w, t)), "channel_id": str(_channel(w, t)),
        },
    ),
    Call(
        "decide", "POST", _fixed(f"{_V1}/tags/proposals"), _OPERATED,
        lambda w, t: {"accept": True, "proposals": [str(_proposal(w, t))]},
    ),
    Call(
        "merge tags", "POST", _fixed(f"{_V1}/tags/merge"), _OPERATED,
        lambda w, t: {"tag_id": str(_tag(w, t)), "into_id": str(_into(w, t))},
    ),
    Call("metrics", "GET", _fixed("/metrics"), _OPERATORS),
    Call("health", "GET", _fixed("/health/detailed"), _OPERATORS),
)  # fmt: skip
