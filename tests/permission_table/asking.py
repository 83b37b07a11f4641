"""Ask the product over HTTP as each asker, and read its answers."""

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from accounts.models.rate_limit import RateLimit
from tests.permission_table.oracle import (
    DONE,
    FORBIDDEN,
    LOGIN,
    UNKNOWN,
    Answer,
)
from tests.permission_table.undoing import taken_back
from tests.permission_table.world import World

FROM_AFAR: Final = "203.0.113.9"
"""Not this host, which may read the metrics without being signed in."""
FLEETING: Final = re.compile(
    rb'name="csrfmiddlewaretoken" value="[^"]*"|"trace_id": ?"[^"]*"|nonce="[^"]*"'
    rb"|<small>\d+</small>"
)
"""What differs from answer to answer."""
HEADERS: Final = (
    "Content-Type", "Cache-Control", "ETag", "Last-Modified", "Location", "WWW-Authenticate",
    "Content-Disposition", "Retry-After",
)  # fmt: skip


TRACES: Final = {
    "django_session", "django_admin_log", "cache_entry", AuditEntry._meta.db_table,
    UserSession._meta.db_table, RateLimit._meta.db_table,
}  # fmt: skip
"""Tables that say who asked for what."""


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str]
    asked: str

    @property
    def answer(self) -> Answer:
        if self.status == 401 or (self.status == 302 and "login" in self.headers["Location"]):
            return LOGIN
        if self.status == 422 and b'"does_not_exist"' in self.body:
            return UNKNOWN  # named in a body, where 404 would be about the address
        if self.status == 503 and b'"unhealthy"' in self.body:
            return DONE  # no worker runs, and the asker may know
        if self.status == 503 and b'"graph_off"' in self.body:
            return DONE  # there is no graph, and the asker may know
        return {
            200: DONE,
            201: DONE,
            204: DONE,
            302: DONE,
            304: DONE,
            403: FORBIDDEN,
            404: UNKNOWN,
        }[self.status]

    def unlike(self, other: "Reply", own_name: Any, its_name: Any) -> str:
        """How two answers differ, but in what each asker named and what is new in each answer."""
        mine, its = self._without(own_name), other._without(its_name)
        if mine == its:
            return ""
        lines = [dict.fromkeys(one[1].split(b"\n")) for one in (mine, its)]
        only = [[line for line in lines[n] if line not in lines[1 - n]][:9] for n in (0, 1)]
        return f"{mine[0]}, {mine[2]}, {only[0]} … {its[0]}, {its[2]}, {only[1]}"

    def _without(self, named: Any) -> tuple[int, bytes, dict[str, str]]:
        body, headers = FLEETING.sub(b"", self.body), self.headers
        for name in {str(named), quote(str(named), safe=""), quote(str(named))}:
            body = body.replace(name.encode(), b"*")
            headers = {key: value.replace(name, "*") for key, value in headers.items()}
        return self.status, body, headers

    def given_away(self, secrets: frozenset[bytes]) -> set[bytes]:
        said = self.asked.encode()
        text = self.body + repr(self.headers).encode()
        return {secret for secret in secrets if secret in text and secret not in said}


class Console:
    """Browsers in which the askers are signed in."""

    def __init__(self, world: World) -> None:
        self._clients = {None: Client(REMOTE_ADDR=FROM_AFAR)}
        for name, user in world.users.items():
            self._clients[name] = Client(REMOTE_ADDR=FROM_AFAR)
            self._clients[name].force_login(user)

    def ask(self, name: str, method: str, address: str, data: Any = None, **more: Any) -> Reply:
        client = self._clients.get(name, self._clients[None])
        response = client.generic(method, address, **more) if data is None and method != "GET" else (
            getattr(client, method.lower())(address, data or {}, **more)
        )  # fmt: skip
        body = b"".join(response) if response.streaming else response.content
        headers = {key: response[key] for key in HEADERS if key in response}
        return Reply(response.status_code, body, headers, f"{address} {data}")

    def get(self, name: str, address: str, **more: Any) -> Reply:
        return self.ask(name, "GET", address, **more)

    def delete(self, name: str, address: str, **more: Any) -> Reply:
        """Delete, and take back whatever that did."""
        with taken_back():
            return self.ask(name, "DELETE", address, **more)

    def post(self, name: str, address: str, data: Any, **more: Any) -> Reply:
        """Post, and take back whatever that wrote."""
        with taken_back():
            return self.ask(name, "POST", address, data, **more)


def address_of(kind: str, page: str, key: Any = None) -> str:
    """The address of a page of the console: the model's name and what of it."""
    name = {"list": "changelist", "look": "change"}.get(page, page)
    return reverse(f"admin:{kind.replace('.', '_')}_{name}", args=[] if key is None else [key])


def state(*without: str) -> dict[str, str]:
    """A hash of each table's rows, but of those in which each request may leave its trace."""
    ignored = {*TRACES, *without}
    tables = [t for t in connection.introspection.table_names() if t not in ignored]
    parts = (
        f"SELECT '{table}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"  # noqa: S608 - names of our own tables
        f' FROM "{table}" t'
        for table in tables
    )
    sessions = (
        " UNION ALL SELECT 'sessions', string_agg(session_key, '|' ORDER BY session_key)"  # noqa: S608 - see above
        f" FROM {UserSession._meta.db_table} WHERE ip <> '{FROM_AFAR}'"
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts) + sessions)
        return dict(cursor.fetchall())


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {table for table, rows in after.items() if before[table] != rows}


def registered() -> dict[str, Any]:
    return {model._meta.label_lower: pages for model, pages in admin.site._registry.items()}
