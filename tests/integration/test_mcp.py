"""The archive through the SDK's own client: five tools, bound to whoever asks, that write nothing."""

import json
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import Membership, Scope, User
from accounts.rate_limits.rate import Rates, parse
from search.management.commands.mcp import AccountClosed, _as_now
from search.mcp import tools
from search.mcp.asker import Asker
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_words import index_words
from tests import factories as make
from tests.acceptance.product import Product
from tests.processes import ROOT
from tests.tokens import token_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not find_spec("mcp"), reason="requirements/mcp.txt is an extra"),
]
TOOLS = {"search", "post", "album", "channel_statistics", "ask"}
URL = "/api/v1/mcp"


@pytest.fixture
def channel():
    return make.channel(title="Погода", username="weather")


@pytest.fixture
def anna(channel):
    return make.member("operator", channel.tenant)


def write(of, text, **fields):
    post = make.post(of=of, content=text, **fields)
    index_words([post.pk], now=timezone.now())
    index_meaning([post.pk])
    return post


def sdk() -> Any:
    """The SDK, which takes 0.7 s: only the process that runs these tests imports it."""
    return import_module("mcp")


def client_of(user) -> Any:
    """The SDK's client of a server that answers this user."""
    make_server = import_module("search.mcp.server").make_server
    return sdk().Client(make_server(lambda: Asker(user)))


def call(user, tool: str, **arguments: Any) -> Any:
    """Call a tool by the SDK's client, and return its answer, or the text of its refusal."""

    async def asked():
        async with client_of(user) as client:
            result = await client.call_tool(tool, arguments)
            text = result.content[0].text
            return text if result.is_error else json.loads(text)

    return async_to_sync(asked)()


class TestTools:
    @pytest.mark.costly
    def test_they_are_five_and_say_that_they_read(self, anna):
        async def listed():
            async with client_of(anna) as client:
                return (await client.list_tools()).tools

        found = async_to_sync(listed)()

        assert {tool.name for tool in found} == TOOLS
        assert all(tool.annotations.read_only_hint for tool in found)

    def test_search(self, channel, anna):
        post = write(channel, "Снег выпал в горах")

        found = call(anna, "search", query="снег on:32")

        [hit] = found["hits"]
        assert (hit["post_id"], hit["snippet"]) == (str(post.pk), "Снег выпал в горах")
        assert "снег" in hit["why"]
        assert "on:32" in str(found["problems"])

    def test_post(self, channel, anna):
        post = write(channel, "я" * 9000, urls=["https://example.org"])

        found = call(anna, "post", post_id=str(post.pk))

        assert (len(found["text"]), found["is_cut"]) == (tools.POST_CHARS, True)
        assert (found["channel"], found["links"]) == ("Погода", ["https://example.org"])

    def test_album(self, channel, anna):
        pictures = [make.media_object(owner=channel.tenant) for _ in range(2)]
        group = make.album(of=channel, pictures=pictures)

        found = call(anna, "album", album_id=group.pk)

        assert [item["position"] for item in found["items"]] == [0, 1]
        post = call(anna, "post", post_id=found["items"][0]["post_id"])
        assert post["album_id"] == group.pk

    def test_channel_statistics(self, channel, anna):
        write(channel, "один")
        write(channel, "два", has_media=True)
        make.channel(owner=channel.tenant, title="Пусто")

        found = call(anna, "channel_statistics", channel="@Weather")["channels"]

        assert [(one["title"], one["posts"], one["posts_with_media"]) for one in found] == [
            ("Погода", 2, 1)
        ]
        both = call(anna, "channel_statistics")["channels"]
        assert [(one["title"], one["posts"]) for one in both] == [("Погода", 2), ("Пусто", 0)]

    def test_ask(self, channel, anna, gigachat):
        write(channel, "Снег выпал в пятницу")

        found = call(anna, "ask", question="когда снег?")

        assert (found["status"], found["answer"]) == ("answered", "Снег выпал в пятницу. [1]")

    @pytest.mark.parametrize(
        ("tool", "arguments"),
        [
            ("search", {"query": "а" * 100_000}),
            ("search", {"query": "\0\ud800"}),
            ("search", {"query": "снег", "limit": 10**9, "offset": 10**9}),
            ("search", {"query": "снег", "limit": -5, "offset": -5}),
            ("post", {"post_id": "x" * 100_000}),
            ("post", {"post_id": ""}),
            ("album", {"album_id": 2**70}),
            ("album", {"album_id": -1}),
            ("channel_statistics", {"channel": "%\0_" * 1000}),
            ("channel_statistics", {"channel": "\ud800"}),
            ("ask", {"question": "\0" * 100_000}),
            ("ask", {"question": ""}),
            ("nothing", {}),
            ("search", {}),
        ],
    )
    def test_odd_arguments(self, channel, anna, tool, arguments):
        write(channel, "снег")

        answer = call(anna, tool, **arguments)

        assert answer != f"Error executing tool {tool}"  # what the SDK says of a bug
        assert len(str(answer)) < 60_000
        assert "Traceback" not in str(answer)


class TestWhoAsks:
    def test_nothing_of_other_tenants(self, channel, anna):
        other = make.channel(title="Чужой", username="foreign")
        foreign = write(other, "снег")
        group = make.album(of=other, pictures=[make.media_object(owner=other.tenant)])

        missing = call(anna, "post", post_id="00000000-0000-0000-0000-000000000007")
        told = call(anna, "post", post_id=str(foreign.pk))

        assert told.replace(str(foreign.pk), "") == missing.replace(
            "00000000-0000-0000-0000-000000000007", ""
        )
        assert "there is no album" in call(anna, "album", album_id=group.pk)
        assert call(anna, "search", query="снег")["hits"] == []
        assert call(anna, "channel_statistics", channel="foreign")["channels"] == []
        assert call(anna, "ask", question="снег")["passages"] == []

    def test_the_installation_sees_all(self, channel):
        write(channel, "снег")
        write(make.channel(), "снег")

        assert len(call(None, "search", query="снег")["hits"]) == 2

    @pytest.mark.parametrize("how", ["deactivated", "deleted"])
    def test_whoever_has_no_account_any_more_is_told_so(self, channel, anna, how):
        write(channel, "снег")
        one = User.objects.filter(pk=anna.pk)
        one.update(is_active=False) if how == "deactivated" else one.delete()
        make_server = import_module("search.mcp.server").make_server

        async def asked():
            async with sdk().Client(make_server(lambda: Asker(_as_now(anna)))) as client:
                return await client.call_tool("search", {"query": "снег"})

        answer = async_to_sync(asked)()

        assert answer.is_error
        assert str(AccountClosed()) in answer.content[0].text

    def test_a_viewer_spends_nothing(self, channel, gigachat):
        write(channel, "снег")

        found = call(make.member("viewer", channel.tenant), "ask", question="снег")

        assert (found["reason"], len(found["passages"])) == ("not_allowed", 1)
        assert gigachat.stats()["answers"] == 0

    def test_questions_are_counted(self, channel, anna, settings):
        settings.API_RATES = Rates(questions=parse("1/h"))

        answers = [call(anna, "ask", question="снег") for _ in range(2)]

        assert answers[0]["status"] == "unknown"
        assert "3600" in answers[1]


class TestOverHttp:
    def message(self, method: str, **params: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}

    def send(self, body: Any, **headers: str) -> Any:
        usual = {"Accept": "application/json, text/event-stream"}
        return Browser().post(URL, body, content_type="application/json", headers=usual | headers)

    def test_by_a_token_and_no_other_way(self, channel, anna):
        write(channel, "снег")
        _, headers = token_of(anna, Scope.READ)
        asked = self.message("tools/call", name="search", arguments={"query": "снег"})

        answer = self.send(asked, **headers)

        assert answer.status_code == 200, answer.content
        text = answer.json()["result"]["content"][0]["text"]
        assert len(json.loads(text)["hits"]) == 1
        assert self.send(asked).status_code == 401
        assert self.send(asked, Authorization="Token ta_x").status_code == 401
        assert Browser().get(URL, headers=headers).status_code == 405

    def test_rights_are_those_of_the_request(self, channel, anna):
        write(channel, "снег")
        other = make.channel()
        Membership.objects.create(user=anna, tenant=other.tenant)
        _, headers = token_of(anna, Scope.READ, tenant=other.tenant)
        asked = self.message("tools/call", name="search", arguments={"query": "снег"})

        text = self.send(asked, **headers).json()["result"]["content"][0]["text"]

        assert json.loads(text)["hits"] == []
        Membership.objects.filter(user=anna).delete()
        assert self.send(asked, **headers).status_code == 403

    @pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"jsonrpc": "1.0"}', "[" * 10_000])
    def test_what_is_no_message_is_refused(self, anna, body):
        _, headers = token_of(anna, Scope.READ)

        assert 400 <= self.send(body, **headers).status_code < 500

    def test_a_large_body_is_refused(self, anna):
        _, headers = token_of(anna, Scope.READ)
        body = json.dumps(self.message("tools/call", name="x" * 300_000, arguments={}))

        assert self.send(body, **headers).status_code == 413

    def test_without_the_sdk_it_says_so(self, anna, monkeypatch):
        _, headers = token_of(anna, Scope.READ)
        monkeypatch.setattr("search.api.mcp_views.find_spec", lambda _: None)

        answer = self.send({}, **headers)

        assert (answer.status_code, answer.json()["code"]) == (501, "mcp_not_installed")


@pytest.mark.django_db(transaction=True)
def test_the_client_of_the_sdk_over_http(live_server, channel, anna):
    import httpx2  # noqa: PLC0415 - the client's own

    write(channel, "снег")
    _, headers = token_of(anna, Scope.READ)

    async def asked():
        from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415

        async with (
            httpx2.AsyncClient(headers=headers) as http,
            sdk().Client(streamable_http_client(live_server.url + URL, http_client=http)) as client,
        ):
            names = {tool.name for tool in (await client.list_tools()).tools}
            result = await client.call_tool("search", {"query": "снег"})
            return names, json.loads(result.content[0].text)

    names, found = async_to_sync(asked)()

    assert names == TOOLS
    assert len(found["hits"]) == 1


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_the_command_speaks_over_stdin_and_stdout_for_a_user(channel, anna, tmp_path):
    write(channel, "снег")
    write(make.channel(), "снег")
    command = sdk().StdioServerParameters(
        command=sys.executable,
        args=[str(ROOT / "manage.py"), "mcp", "--as", anna.username],
        env=Product(tmp_path).environment,
        cwd=str(ROOT),
    )

    async def asked():
        async with sdk().Client(command) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            result = await client.call_tool("search", {"query": "снег"})
            return names, json.loads(result.content[0].text)

    names, found = async_to_sync(asked)()

    assert names == TOOLS
    assert len(found["hits"]) == 1
    assert "SEARCH_ENCODER is none" in found["degraded"][0]
