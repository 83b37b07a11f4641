"""Step 6: the post through the API, as a member of its tenant asks for it."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import httpx
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Membership, Tenant, User
from accounts.tokens.issue import Wish, issue
from events.outbound import OddHost, OutboundRefused, purposes
from events.outbound.client import client
from telegram_assistant.end_to_end.trial import StepFailed, Trial

SECONDS: Final = 15.0
READER: Final = "e2e-check-"
"""Beginning of the names of the users that this step makes for a moment."""
LEFT_OVER: Final = timedelta(hours=1)


def check_api(trial: Trial) -> None:
    """Whether the endpoint answers with the result, under the trace id of the request."""
    path = reverse("vision-post", args=[trial.the_post.pk])
    with _reader_of(trial.the_post.tenant) as token:
        headers = {"Authorization": f"Token {token}", "X-Trace-ID": trial.trace_id}
        status, answered, body = _answer(trial, path, headers)
    if status != HTTPStatus.OK:
        detail = body.get("detail", "") if isinstance(body, dict) else ""
        raise StepFailed(
            _("%(path)s answers %(status)d %(detail)s")
            % {"path": path, "status": status, "detail": detail},
            _("see the log of the web server under the trace id %(trace)s")
            % {"trace": trial.trace_id},
        )
    if not isinstance(body, dict) or str(body.get("post_id")) != str(trial.the_post.pk):
        raise StepFailed(
            _("what answers at %(url)s is not this API") % {"url": trial.api_url or path},
            _("name the address of the web server with --api-url"),
        )
    if answered != trial.trace_id:
        raise StepFailed(
            _("the answer has not the trace id of the request"),
            _("let the proxy pass the header X-Trace-ID on"),
        )
    trial.say("  ✅ " + _("API endpoint works"))
    trial.say(f"    Provider: {body['provider']}")
    trial.say(f"    Is Meme: {str(body['is_meme']).lower()}")


@contextmanager
def _reader_of(tenant: Tenant) -> Iterator[str]:
    """Yield the token of a user who may only see this tenant, and who is deleted afterwards."""
    old = timezone.now() - LEFT_OVER
    User.objects.filter(username__startswith=READER, date_joined__lt=old).delete()
    user = User.objects.create_user(f"{READER}{secrets.token_hex(8)}")
    try:
        Membership.objects.create(user=user, tenant=tenant)
        wish = Wish(user=user, name=READER, tenant=tenant, lifetime=LEFT_OVER)
        yield issue(wish, now=timezone.now())[1]
    finally:
        user.delete()


def _answer(trial: Trial, path: str, headers: Mapping[str, str]) -> tuple[int, str, Any]:
    """Return status, trace id and body of the answer."""
    if not trial.api_url:
        return _asked_here(path, headers)
    # As a proxy on this host would ask, whatever names the web server answers to.
    passed = {"Host": _host(), "X-Forwarded-Proto": "https" if settings.SECURE_SSL_REDIRECT else ""}
    sent = {name: value for name, value in {**headers, **passed}.items() if value}
    try:
        with client(purposes.own_api(trial.api_url, seconds=SECONDS)) as asking:
            answer = asking.get(f"{trial.api_url.rstrip('/')}{path}", headers=sent)
    except (httpx.HTTPError, httpx.InvalidURL, OutboundRefused, OddHost) as error:
        raise StepFailed(
            _("the API at %(url)s is not reached: %(error)s")
            % {"url": trial.api_url, "error": error or type(error).__name__},
            _("start the web server, or name its address with --api-url"),
        ) from error
    return answer.status_code, answer.headers.get("X-Trace-ID", ""), _parsed(answer.content)


def _asked_here(path: str, headers: Mapping[str, str]) -> tuple[int, str, Any]:
    client = Client(headers=dict(headers), raise_request_exception=False)
    answer = client.get(
        path, secure=settings.SECURE_SSL_REDIRECT, SERVER_NAME=_host() or "localhost"
    )
    return answer.status_code, answer.get("X-Trace-ID", ""), _parsed(answer.content)


def _host() -> str:
    """A name that the web server answers to; empty if that of the address will do."""
    names = [name for name in settings.ALLOWED_HOSTS if "*" not in name]
    return names[0].lstrip(".") if names else ""


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
