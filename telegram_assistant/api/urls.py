from django.urls import URLPattern, URLResolver, path, re_path

from telegram_assistant.api.views import DocsView, SchemaView, UnknownView

urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", DocsView.as_view(url_name="api-schema"), name="api-docs"),
    re_path(r"", UnknownView.as_view()),
]
