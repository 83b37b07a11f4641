from functools import partial

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.sign_in.pages import console as doors
from accounts.sign_in.pages import invite
from events import rooms
from search.api.mcp_views import McpView
from telegram_assistant.console import graph_page, growth
from telegram_assistant.console.account import api_tokens, my_settings
from telegram_assistant.console.search import ask, find_posts, saved_searches
from telegram_assistant.health import views as health
from telegram_assistant.metrics.views import MetricsView
from vision.api.tag_views import TagsView

rooms.connect_all()  # receivers of signals as well, which are in no registry
handler400 = "telegram_assistant.api.problems.bad_request"
handler500 = "telegram_assistant.api.problems.server_error"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path(
        "admin/find/",
        admin.site.admin_view(partial(find_posts.view, site=admin.site)),
        name=find_posts.NAME,
    ),
    path(
        "admin/ask/",
        admin.site.admin_view(partial(ask.view, site=admin.site)),
        name=ask.NAME,
    ),
    path(
        "admin/saved-searches/",
        admin.site.admin_view(partial(saved_searches.view, site=admin.site)),
        name=saved_searches.NAME,
    ),
    path(
        "admin/saved-searches/<uuid:pk>/",
        admin.site.admin_view(partial(saved_searches.matches, site=admin.site)),
        name=saved_searches.MATCHES,
    ),
    path(
        "admin/graph/",
        admin.site.admin_view(partial(graph_page.view, site=admin.site)),
        name=graph_page.NAME,
    ),
    path(
        "admin/growth/",
        admin.site.admin_view(partial(growth.view, site=admin.site)),
        name=growth.NAME,
    ),
    path(
        "admin/my-settings/",
        admin.site.admin_view(partial(my_settings.view, site=admin.site)),
        name=my_settings.NAME,
    ),
    path(
        "admin/my-tokens/",
        admin.site.admin_view(partial(api_tokens.view, site=admin.site)),
        name=api_tokens.NAME,
    ),
    path(
        "admin/invite/",
        admin.site.admin_view(partial(invite.view, site=admin.site)),
        name=invite.NAME,
    ),
    # Instead of the console's own: there is one door.
    path("admin/login/", doors.login),
    path("admin/logout/", doors.logout),
    path("admin/password_change/", doors.password_change),
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.sign_in.pages.urls")),
    path("health", health.summary, name="health"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("health/detailed", health.DetailedView.as_view(), name="health-detailed"),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("api/v1/", include("media.api.history.urls")),
    path("api/v1/", include("media.api.urls")),
    path("api/v1/", include("albums.api.urls")),
    path("api/v1/", include("crawl.api.urls")),
    path("api/v1/", include("search.api.urls")),
    path("api/v1/mcp", McpView.as_view(), name="mcp"),
    path("api/v1/graph/", include("graph.api.urls")),
    path("api/v1/storage/", include("storage_quota.api.urls")),
    path("api/v1/vision/", include("vision.api.urls")),
    path("api/v1/tags", TagsView.as_view(), name="tags-api"),
    path("api/v1/tags/", include("vision.api.tag_urls")),
    path("api/", include("telegram_assistant.api.urls")),  # last: it answers whatever is left
]
