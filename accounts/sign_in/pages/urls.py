"""
Pages of signing in.

django-allauth's own list is not included: it has pages for signing up, for changing the e-mail
address and for codes by e-mail, which this installation does not offer.
"""

from allauth.account import views as allauth_views
from allauth.urls import build_provider_urlpatterns
from django.urls import URLPattern, URLResolver, include, path, re_path

from accounts.sign_in.pages import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", allauth_views.login, name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
    path("inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("signup/", allauth_views.signup, name="account_signup"),  # says that it is closed
    path("reauthenticate/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("password/change/", allauth_views.password_change, name="account_change_password"),
    path("password/none/", views.no_password, name="account_set_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path(
        "password/reset/done/",
        allauth_views.password_reset_done,
        name="account_reset_password_done",
    ),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("sessions/", views.my_sessions, name="usersessions_list"),
    path("2fa/", include("allauth.mfa.urls")),
    path("identities/", include("allauth.socialaccount.urls")),
    *build_provider_urlpatterns(),
]
