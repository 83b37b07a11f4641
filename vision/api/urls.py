from django.urls import path

from vision.api import views

urlpatterns = [
    path("posts", views.PostsVisionView.as_view(), name="vision-posts"),
    path("posts/<str:post_id>", views.PostVisionView.as_view(), name="vision-post"),
    path("media/<str:sha256>", views.MediaVisionView.as_view(), name="vision-media"),
    path("stats", views.VisionStatsView.as_view(), name="vision-stats"),
]
