from django.urls import path

from search.api import views

urlpatterns = [
    path("search", views.SearchView.as_view(), name="search"),
    path("search/similar", views.SimilarView.as_view(), name="search-similar"),
]
