"""The console's own doors, which lead to the one there is."""

from urllib.parse import urlencode

from allauth.account import views as allauth_views
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import access
from accounts.sign_in.pages import views


def login(request: HttpRequest) -> HttpResponseBase:
    """Lead to the page of signing in, and from there back; who is signed in already goes there at once."""
    if request.user.is_authenticated and not access.may_anywhere(request.user):
        return views.no_access(request)
    wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
    here = {request.get_host()}
    if not url_has_allowed_host_and_scheme(wanted, here, require_https=request.is_secure()):
        wanted = reverse("admin:index")
    query = urlencode({REDIRECT_FIELD_NAME: wanted})
    return HttpResponseRedirect(f"{reverse('account_login')}?{query}")


def logout(request: HttpRequest) -> HttpResponseBase:
    answer: HttpResponseBase = allauth_views.logout(request)
    return answer


def password_change(request: HttpRequest) -> HttpResponseBase:
    answer: HttpResponseBase = allauth_views.password_change(request)
    return answer
