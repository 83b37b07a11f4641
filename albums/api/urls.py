from django.urls import path

from albums.api import views

urlpatterns = [
    path("albums", views.AlbumsView.as_view(), name="albums"),
    path("albums/<str:album_id>", views.AlbumView.as_view(), name="album"),
]
