from django.urls import path

from media.api.history import views

urlpatterns = [
    path("posts/<str:post_id>/at", views.PostAtView.as_view(), name="post-at"),
    path("posts/<str:post_id>/versions", views.PostVersionsView.as_view(), name="post-versions"),
    path("posts/<str:post_id>/counts", views.PostCountsView.as_view(), name="post-counts"),
    path("growth", views.GrowthView.as_view(), name="growth-api"),
]
