from django.urls import path

from media.api import views

urlpatterns = [
    path("posts", views.PostsView.as_view(), name="posts"),
    path("posts/<str:post_id>", views.PostView.as_view(), name="post"),
    path("channels", views.ChannelsView.as_view(), name="channels"),
    path("channels/<str:channel_id>", views.ChannelView.as_view(), name="channel"),
    path("media/<str:media_id>/content", views.ContentView.as_view(), name="media-content"),
]
