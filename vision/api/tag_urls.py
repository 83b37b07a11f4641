"""What lies below /api/v1/tags/."""

from django.urls import path

from vision.api import tag_views as views

urlpatterns = [
    path("merge", views.MergeView.as_view(), name="tags-merge-api"),
    path("proposals", views.ProposalsView.as_view(), name="tag-proposals-api"),
    path("rules", views.RulesView.as_view(), name="tag-rules-api"),
    path("rules/<str:pk>", views.RuleView.as_view(), name="tag-rule-api"),
    path("rules/<str:pk>/apply", views.RuleApplyView.as_view(), name="tag-rule-apply-api"),
    path("posts/<str:post_id>", views.PostTagsView.as_view(), name="post-tags-api"),
    path("posts/<str:post_id>/<str:name>", views.PostTagView.as_view(), name="post-tag-api"),
]
