from django.urls import path

from search.api import ask_views, saved_views, views

urlpatterns = [
    path("search", views.SearchView.as_view(), name="search"),
    path("search/similar", views.SimilarView.as_view(), name="search-similar"),
    path("search/ask", ask_views.AskView.as_view(), name="ask-api"),
    path("search/saved", saved_views.SavedSearchesView.as_view(), name="saved-searches-api"),
    path("search/saved/<str:pk>", saved_views.SavedSearchView.as_view(), name="saved-search-api"),
    path(
        "search/saved/<str:pk>/matches",
        saved_views.MatchesView.as_view(),
        name="saved-matches-api",
    ),
    path("search/saved/<str:pk>/seen", saved_views.SeenView.as_view(), name="saved-seen-api"),
]
