"""What lies below /api/v1/search/: questions, and searches that users keep."""

from django.urls import path

from search.api import ask_views, saved_views

urlpatterns = [
    path("ask", ask_views.AskView.as_view(), name="ask-api"),
    path("saved", saved_views.SavedSearchesView.as_view(), name="saved-searches-api"),
    path("saved/<str:pk>", saved_views.SavedSearchView.as_view(), name="saved-search-api"),
    path("saved/<str:pk>/matches", saved_views.MatchesView.as_view(), name="saved-matches-api"),
    path("saved/<str:pk>/seen", saved_views.SeenView.as_view(), name="saved-seen-api"),
]
