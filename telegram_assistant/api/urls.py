from django.urls import URLPattern, URLResolver, include, path, re_path

from telegram_assistant.api.views import DocsView, SchemaView, UnknownView

urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", DocsView.as_view(url_name="api-schema"), name="api-docs"),
    path("auth/", include("rest_framework.urls")),
    re_path(r"", UnknownView.as_view()),
]
