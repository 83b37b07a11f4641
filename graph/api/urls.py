from django.urls import path

from graph.api import views

urlpatterns = [
    path("channels", views.SharedContentView.as_view(), name="graph-channels"),
    path(
        "channels/<str:channel_id>/albums",
        views.ChannelAlbumsView.as_view(),
        name="graph-channel-albums",
    ),
    path("albums", views.TaggedAlbumsView.as_view(), name="graph-albums"),
    path("albums/<int:album_id>/posts", views.AlbumPostsView.as_view(), name="graph-album-posts"),
    path("posts/<str:post_id>/spread", views.SpreadView.as_view(), name="graph-spread"),
    path("path", views.PathView.as_view(), name="graph-path"),
]
