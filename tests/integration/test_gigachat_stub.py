"""The stub keeps to what is known of GigaChat's API; and its faults come when they are due."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import httpx
import pytest

from tests.gigachat_fixtures import KEY
from tests.gigachat_stub import Behavior, Stub
from tests.gigachat_stub.faults import KINDS

ROOT = Path(__file__).resolve().parents[2]
JPEG = b"\xff\xd8\xff\xe0 a picture"
MB = 1024 * 1024


@pytest.fixture
def http(gigachat_stub):
    with httpx.Client(base_url=gigachat_stub.url, timeout=10) as client:
        yield client


@pytest.fixture
def oauth(http):
    def _(*, key=KEY, scope="GIGACHAT_API_CORP", rquid=None) -> httpx.Response:
        headers = {"Authorization": f"Basic {key}", "RqUID": rquid or str(uuid.uuid4())}
        return http.post("/api/v2/oauth", headers=headers, data={"scope": scope})

    return _


@pytest.fixture
def api(http, oauth):
    """The client with a token."""
    http.headers["Authorization"] = f"Bearer {oauth().json()['access_token']}"
    return http


@pytest.fixture
def upload(api):
    def _(content=JPEG, **headers) -> httpx.Response:
        file = {"file": ("a.jpg", content, "image/jpeg")}
        return api.post("/v1/files", files=file, data={"purpose": "general"}, headers=headers)

    return _


@pytest.fixture
def ask(api):
    def _(*attachments: str, messages=None, **how) -> httpx.Response:
        headers = how.pop("headers", {})
        user = {"role": "user", "content": "Что это?", "attachments": list(attachments)}
        body = {"model": "GigaChat-2-Max", "messages": messages or [user]} | how
        return api.post("/v1/chat/completions", json=body, headers=headers)

    return _


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


class TestOAuth:
    def test_a_token_lives_half_an_hour_and_expires_at_a_time_in_milliseconds(self, oauth):
        granted = oauth().json()

        left = granted["expires_at"] / 1000 - time.time()
        assert 1790 < left <= 1800
        assert len(granted["access_token"]) > 1000

    @pytest.mark.parametrize(
        ("how", "status", "code"),
        [
            ({"key": "d3Jvbmc6a2V5"}, 401, 6),
            ({"key": "!!"}, 401, 6),
            ({"scope": ""}, 400, 5),
            ({"scope": "GIGACHAT_API_FREE"}, 400, 1),
            ({"rquid": "1"}, 400, 2),
            ({"rquid": "6f0b1291-c7f3-13c6-bb2e-9f3efb2dc98e"}, 400, 2),
        ],
    )
    def test_what_is_wrong_has_a_code(self, oauth, how, status, code):
        refusal = oauth(**how)

        assert (refusal.status_code, refusal.json()["code"]) == (status, code)

    def test_nothing_is_answered_without_a_token(self, http):
        assert said(http.get("/v1/models")) == (401, "Unauthorized")

    def test_a_token_that_ran_out_says_so(self, http, oauth, gigachat_stub):
        gigachat_stub.state.behavior.token_seconds = 0
        http.headers["Authorization"] = f"Bearer {oauth().json()['access_token']}"

        assert said(http.get("/v1/models")) == (401, "Token has expired")


class TestModels:
    def test_they_are_listed(self, api):
        ids = [model["id"] for model in api.get("/v1/models").json()["data"]]

        assert {"GigaChat-Pro", "GigaChat-2-Max", "Embeddings"} <= set(ids)

    def test_one_is_described(self, api):
        assert api.get("/v1/models/GigaChat").json()["type"] == "chat"
        assert said(api.get("/v1/models/GigaChat-9")) == (404, "No such model")


class TestFiles:
    def test_a_picture_is_known_by_its_content(self, upload):
        file = upload().json()

        assert (file["modalities"], file["purpose"], file["bytes"]) == (
            ["image"],
            "general",
            len(JPEG),
        )

    @pytest.mark.parametrize("content", [b"GIF89a", b"RIFF....WEBP"])
    def test_formats_that_are_not_taken(self, upload, content):
        assert upload(content).status_code == 400

    def test_fifteen_megabytes_are_the_limit(self, upload):
        assert upload(JPEG.ljust(15 * MB, b"x")).status_code == 200
        assert said(upload(JPEG.ljust(15 * MB + 1, b"x"))) == (413, "Payload too large")

    def test_another_client_id_may_not_touch_it(self, upload, api, ask):
        file_id = upload(**{"X-Client-ID": "ann"}).json()["id"]

        denied = (403, f"Access to file '{file_id}' is denied")
        assert said(api.get(f"/v1/files/{file_id}")) == denied
        assert said(api.post(f"/v1/files/{file_id}/delete")) == denied
        assert said(ask(file_id)) == denied
        assert ask(file_id, headers={"X-Client-ID": "ann"}).status_code == 200

    def test_a_deleted_one_is_gone(self, upload, api, ask):
        file_id = upload().json()["id"]

        assert api.post(f"/v1/files/{file_id}/delete").json()["deleted"]
        assert said(ask(file_id)) == (404, "No such file")


class TestChat:
    def test_the_same_picture_is_described_the_same_way(self, upload, ask):
        first, second = (ask(upload().json()["id"]).json() for _ in range(2))

        assert first["choices"] == second["choices"]
        assert first["usage"] == second["usage"]
        assert first["model"].startswith("GigaChat-2-Max:")

    def test_a_picture_costs_tokens_and_the_sum_is_the_total(self, upload, ask):
        bare, seen = ask().json()["usage"], ask(upload().json()["id"]).json()["usage"]

        assert seen["prompt_tokens"] >= bare["prompt_tokens"] + 600
        assert seen["total_tokens"] == seen["prompt_tokens"] + seen["completion_tokens"]

    @pytest.mark.parametrize(
        ("how", "status"),
        [
            ({"model": "GigaChat-9"}, 404),
            ({"model": "Embeddings"}, 404),
            ({"temperature": 0}, 422),
            ({"max_tokens": -1}, 422),
            ({"messages": [{"role": "boss", "content": "?"}]}, 400),
            ({"messages": "?"}, 400),
            (
                {
                    "messages": [
                        {"role": "user", "content": "?"},
                        {"role": "system", "content": "?"},
                    ]
                },
                422,
            ),
        ],
    )
    def test_a_request_that_is_wrong_is_refused(self, ask, how, status):
        assert ask(**how).status_code == status

    def test_one_picture_a_message_and_ten_a_request(self, upload, ask):
        ids = [upload(JPEG + bytes([i])).json()["id"] for i in range(11)]
        one_each = [{"role": "user", "content": "?", "attachments": [i]} for i in ids]

        assert ask(*ids[:2]).status_code == 422
        assert ask(messages=one_each).status_code == 422
        assert ask(messages=one_each[:10]).status_code == 200

    @pytest.mark.costly
    def test_a_personal_scope_allows_one_request_at_a_time(self, http, oauth, gigachat_stub):
        gigachat_stub.state.behavior.latency = 0.5
        token = oauth(scope="GIGACHAT_API_PERS").json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        body = {"model": "GigaChat", "messages": [{"role": "user", "content": "?"}]}
        statuses: list[int] = []

        def chat() -> None:
            statuses.append(http.post("/v1/chat/completions", json=body).status_code)

        threads = [threading.Thread(target=chat) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(statuses) == [200, 429, 429]
        assert gigachat_stub.stats()["max_in_flight"] >= 2
        assert gigachat_stub.stats()["in_flight"] == 0


class TestFaults:
    def test_they_are_planned_over_http_and_counted(self, ask, http):
        plan = {"faults": [{"kind": "rate_limited", "count": 2, "retry_after": "3"}]}
        assert http.post("/_stub/faults", json=plan).status_code == 200

        answers = [ask() for _ in range(3)]

        assert [a.status_code for a in answers] == [429, 429, 200]
        assert answers[0].headers["Retry-After"] == "3"
        assert http.get("/_stub/stats").json()["faults"][0]["fired"] == 2

    def test_a_mixed_share_is_the_same_for_the_same_seed(self, ask, http):
        kinds = ["rate_limited", "server_error", "payment_required"]
        mixed = {"kind": "mixed", "probability": 0.5, "kinds": kinds}
        runs = []
        for _ in range(2):
            http.post("/_stub/faults", json={"faults": [mixed], "seed": 7})
            runs.append([ask().status_code for _ in range(20)])

        assert runs[0] == runs[1]
        assert {200} < set(runs[0]) <= {200, 402, 429, 500}

    def test_one_that_is_not_known_is_refused(self, http):
        assert http.post("/_stub/faults", json={"faults": [{"kind": "sulk"}]}).status_code == 400

    @pytest.mark.parametrize("kind", [k for k in KINDS if k not in {"mixed", "timeout", "cut"}])
    def test_each_kind_has_its_answer(self, ask, gigachat_stub, kind):
        gigachat_stub.fail(kind)

        assert ask().status_code in {
            200,
            204,
            302,
            400,
            401,
            402,
            403,
            404,
            408,
            413,
            422,
            429,
            500,
            502,
            504,
        }

    def test_a_cut_connection_answers_nothing(self, ask, gigachat_stub):
        gigachat_stub.fail("cut")

        with pytest.raises(httpx.RemoteProtocolError):
            ask()


class TestCounters:
    def test_pictures_answers_and_tokens_are_shown_over_http(self, upload, ask, http):
        for content in (JPEG, JPEG, JPEG + b"2"):
            ask(upload(content).json()["id"])

        stats = http.get("/_stub/stats").json()
        assert (stats["answers"], stats["pictures_seen"], stats["seen_again"]) == (3, 2, 1)
        assert stats["calls"] == {"oauth": 1, "upload": 3, "chat": 3}
        assert sorted(http.get("/_stub/pictures").json().values()) == [1, 2]

    def test_they_start_anew_after_a_reset(self, ask, http):
        ask()

        assert http.post("/_stub/reset").json()["calls"] == {}


class TestProgram:
    def test_it_prints_its_url_serves_and_stops(self):
        with _program("--latency", "0.01", "--faults", "1", "--kinds", "server_error") as program:
            url = program.stdout.readline().strip()
            answer = httpx.get(f"{url}/_stub/stats")
            program.send_signal(signal.SIGTERM)

            assert program.wait(10) == 0
            assert answer.json()["faults"][0]["kinds"] == ["server_error"]
            assert "GigaChat stub: 0 answers" in program.stderr.read()

    def test_the_demo_has_it_beside_it_and_no_longer(self, tmp_path):
        script = tmp_path / "ask.py"
        script.write_text(
            "import os, urllib.request as r\n"
            "base = os.environ['GIGACHAT_BASE_URL'].removesuffix('/v1')\n"
            "print(base, r.urlopen(base + '/_stub/stats').status, os.environ['GIGACHAT_CREDENTIALS'])"
        )

        done = subprocess.run(
            ["install/with-gigachat-stub", sys.executable, str(script)],
            cwd=ROOT, env=os.environ | {"GIGACHAT_CREDENTIALS": "real"}, capture_output=True,
            text=True, timeout=60, check=True,
        )  # fmt: skip

        url, status = done.stdout.split()
        assert status == "200"
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/_stub/stats")

    def test_what_the_demo_runs_fails_with_its_own_status(self, tmp_path):
        script = tmp_path / "fail.py"
        script.write_text("raise SystemExit(3)")

        done = subprocess.run(
            ["install/with-gigachat-stub", sys.executable, str(script)],
            cwd=ROOT, capture_output=True, timeout=60, check=False,
        )  # fmt: skip

        assert done.returncode == 3


def _program(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.gigachat_stub", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_stopping_frees_the_port():
    with Stub(behavior=Behavior(latency=30)) as stub:
        url = stub.url

    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
