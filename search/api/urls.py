from django.urls import path

from search.api import views

urlpatterns = [
    path("", views.SearchView.as_view(), name="search"),
    path("/similar", views.SimilarView.as_view(), name="search-similar"),
]
