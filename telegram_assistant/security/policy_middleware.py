"""Say the policy of content with every answer, but for those whose view has said one of its own."""

from typing import Any, Final

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from telegram_assistant.security.content_policy import PICTURES_IN_PAGES

TO_THE_PROVIDER: Final = {"account_login", "account_reauthenticate", "socialaccount_connections"}
"""Pages with a form whose answer leads to the identity provider."""
WITH_A_PICTURE: Final = {"mfa_activate_totp"}
"""Pages with the picture of a secret, which must have no address of its own."""


class PolicyMiddleware(CSPMiddleware):
    def get_policy_parts(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
        report_only: bool = False,  # noqa: FBT001, FBT002 - django-csp's
    ) -> PolicyParts:
        """Add what pages of django-allauth need, which cannot say so themselves."""
        parts = super().get_policy_parts(request, response, report_only)
        parts.update = {**(parts.update or {}), **_needs(_page(request))}
        return parts


def _needs(page: str) -> dict[str, list[str]]:
    if page in WITH_A_PICTURE:
        return PICTURES_IN_PAGES
    if page in TO_THE_PROVIDER and settings.OIDC.configured:
        return {"form-action": ["https:"]}  # to any host: the provider may send one on to others
    return {}


def _page(request: HttpRequest) -> str:
    match: Any = request.resolver_match
    return str(match.url_name) if match else ""
