from django.urls import path

from crawl.api import views

urlpatterns = [
    path("articles", views.ArticlesView.as_view(), name="articles"),
    path("articles/<str:article_id>", views.ArticleView.as_view(), name="article"),
]
