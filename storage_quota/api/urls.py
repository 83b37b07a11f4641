from django.urls import path

from storage_quota.api import views

urlpatterns = [
    path("quota", views.QuotaView.as_view(), name="storage-quota"),
    path("quota/check", views.QuotaCheckView.as_view(), name="storage-quota-check"),
    path("usage/<str:tenant_id>", views.UsageView.as_view(), name="storage-usage"),
    path("cleanup", views.CleanupView.as_view(), name="storage-cleanup"),
    path("stats", views.StatsView.as_view(), name="storage-stats"),
]
