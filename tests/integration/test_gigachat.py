"""The GigaChat provider, the unmodified SDK and a real HTTP server."""

import io
import logging
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime
from hashlib import sha256

import pytest
from gigachat.settings import Settings
from PIL import Image

from tests.counted import counted
from tests.gigachat_fixtures import KEY
from tests.gigachat_stub import CLIENT_ID, CLIENT_SECRET, Behavior, Stub, answers
from vision import checks, providers
from vision.policy.prompts import SYSTEM
from vision.providers.gigachat.client import GigaChatConnection, connect
from vision.providers.gigachat.preprocess import PreprocessOptions, prepare
from vision.providers.gigachat.provider import GigaChatVision
from vision.providers.port import ErrorClass, ProviderBusy, ProviderMisconfigured, ProviderRefused

PROMPT = "Что изображено?"


def png(seed: int = 0, size=(60, 40)) -> bytes:
    file = io.BytesIO()
    color = (seed * 37 % 256, seed * 11 % 256, seed // 7 % 256)
    picture = Image.new("RGB", size, color)
    other = tuple((value + 128) % 256 for value in color)
    picture.paste(other, (0, 0, size[0] // 4, size[1]))  # a blank sheet would not be sent
    picture.save(file, "PNG")
    return file.getvalue()


def sent(image: bytes) -> str:
    """The SHA-256 of what GigaChat is sent for this picture."""
    return sha256(prepare(image, PreprocessOptions())).hexdigest()


@pytest.fixture
def provider(make_provider) -> GigaChatVision:
    return make_provider()


@pytest.fixture
def analyze(provider, now):
    def _(image: bytes | None = None, *, by: GigaChatVision = provider):
        return by.analyze(image or png(), mime="image/png", prompt=PROMPT, now=now)

    return _


@pytest.fixture
def busy(analyze):
    """The ProviderBusy that this fault leads to."""

    def _(**how) -> ProviderBusy:
        with pytest.raises(ProviderBusy) as failure:
            analyze(**how)
        return failure.value

    return _


@pytest.fixture
def refused(analyze):
    def _(**how) -> ProviderRefused:
        with pytest.raises(ProviderRefused) as failure:
            analyze(**how)
        return failure.value

    return _


class TestOnePicture:
    def test_fact_047_a_picture_is_seen_by_the_model_that_is_set(self, analyze):
        analysis = analyze()

        expected = answers.fields(sent(png()))
        assert (analysis.provider, analysis.model) == ("gigachat", "GigaChat-Pro")
        assert analysis.model_version.startswith("GigaChat-Pro:")
        assert analysis.description == expected["description"]
        assert analysis.classification == expected["classification"]
        assert analysis.labels == expected["labels"]

    def test_fact_048_tokens_are_those_that_were_returned(self, analyze, gigachat_stub):
        usage = {
            "prompt_tokens": 1200, "completion_tokens": 100, "total_tokens": 1320,
            "precached_prompt_tokens": 80,
        }  # fmt: skip
        gigachat_stub.fail("answer", usage=usage)

        analysis = analyze()

        assert analysis.tokens_used == 1320
        assert analysis.usage.model_dump() == usage

    def test_text_in_the_picture_comes_back_whole(self, analyze, gigachat_stub):
        content = (
            '{"classification":"document","description":"Объявление","ocr":{"text":"Ёж №5\\nда"}}'
        )
        gigachat_stub.fail("answer", content=content)

        ocr = analyze().ocr

        assert (ocr.text, ocr.engine, ocr.words) == ("Ёж №5\nда", "gigachat", 3)

    def test_the_request_is_what_the_contract_says(self, analyze, gigachat_stub, monkeypatch):
        asked = _requests(gigachat_stub, monkeypatch)

        analyze()

        [request] = asked
        system, user = request["messages"]
        assert (system["role"], system["content"]) == ("system", SYSTEM)
        assert (user["role"], user["content"], len(user["attachments"])) == ("user", PROMPT, 1)
        assert (request["model"], request["temperature"]) == ("GigaChat-Pro", 0.1)
        assert request["max_tokens"] == 512
        assert set(request) == {"model", "messages", "temperature", "max_tokens", "files"}

    def test_the_limit_of_the_answer_has_an_effect(self, make_provider, analyze, gigachat_stub):
        analysis = analyze(by=make_provider(max_output_tokens=64))

        assert analysis.usage.completion_tokens <= 64
        assert analysis.description.startswith("На изображении")

    def test_the_upload_is_named_by_its_type_and_deleted_afterwards(self, analyze, gigachat_stub):
        analyze()

        assert gigachat_stub.stats()["calls"] == {"oauth": 1, "upload": 1, "chat": 1, "delete": 1}
        assert gigachat_stub.stats()["files"] == 0

    def test_one_token_serves_all_calls(self, analyze, gigachat_stub):
        for seed in range(3):
            analyze(png(seed))

        assert gigachat_stub.stats()["calls"]["oauth"] == 1


class TestDeletion:
    @pytest.mark.parametrize(
        "kind", ["server_error", "blacklist", "not_json", "cut", "bad_request"]
    )
    def test_the_copy_is_deleted_after_failures_too(self, analyze, gigachat_stub, kind):
        gigachat_stub.fail(kind)

        with pytest.raises((ProviderBusy, ProviderRefused)):
            analyze()

        assert gigachat_stub.stats()["files"] == 0
        assert gigachat_stub.stats()["deleted"] == 1

    @pytest.mark.parametrize("kind", ["server_error", "cut", "not_an_object", "forbidden"])
    def test_a_copy_that_stays_is_counted_and_does_not_fail_the_analysis(
        self, analyze, gigachat_stub, caplog, kind
    ):
        gigachat_stub.fail(kind, endpoint="delete")
        before = counted("vision_file_deletions_total", status="error")

        analysis = analyze()

        assert analysis.description
        assert counted("vision_file_deletions_total", status="error") == before + 1
        assert f"file {analysis.file_id} stays at GigaChat" in caplog.text


class TestBusy:
    @pytest.mark.parametrize(
        ("kind", "error_class"),
        [
            ("rate_limited", ErrorClass.RETRYABLE_RATE_LIMIT),
            ("server_error", ErrorClass.RETRYABLE_SERVER_ERROR),
            ("bad_gateway", ErrorClass.RETRYABLE_SERVER_ERROR),
            ("request_timeout", ErrorClass.RETRYABLE_SERVER_ERROR),
            ("not_an_object", ErrorClass.RETRYABLE_SERVER_ERROR),
            ("no_content", ErrorClass.RETRYABLE_SERVER_ERROR),
            ("deleted_file", ErrorClass.RETRYABLE_SERVER_ERROR),
            ("error", ErrorClass.RETRYABLE_SERVER_ERROR),
            ("cut", ErrorClass.RETRYABLE_NETWORK),
        ],
    )
    def test_a_temporary_failure_has_its_error_class(self, busy, gigachat_stub, kind, error_class):
        gigachat_stub.fail(kind)

        failure = busy()

        assert (failure.error_class, failure.after) == (error_class, None)

    @pytest.mark.parametrize("endpoint", ["oauth", "upload"])
    @pytest.mark.parametrize("kind", ["rate_limited", "server_error", "no_content", "cut"])
    def test_also_before_the_completion_is_requested(self, busy, gigachat_stub, endpoint, kind):
        gigachat_stub.fail(kind, endpoint=endpoint)

        assert busy().usage is None
        assert gigachat_stub.stats()["calls"].get("chat") is None

    @pytest.mark.parametrize(
        ("header", "after"),
        [
            ("7", timedelta(seconds=7)),
            ("0.5", timedelta(seconds=0.5)),
            ("864000", timedelta(hours=1)),
            ("1e400", None),
            ("nan", None),
            ("-3", None),
            ("soon", None),
        ],
    )
    def test_the_wait_is_as_long_as_the_provider_demands(self, busy, gigachat_stub, header, after):
        gigachat_stub.fail("rate_limited", retry_after=header)

        assert busy().after == after

    def test_the_time_may_be_a_date(self, busy, gigachat_stub, now):
        date = format_datetime(now + timedelta(seconds=30), usegmt=True)
        gigachat_stub.fail("server_error", retry_after=date)

        assert busy().after == timedelta(seconds=30)

    @pytest.mark.costly
    def test_a_silent_server_is_given_up_after_the_time_limit(
        self, make_provider, busy, gigachat_stub
    ):
        gigachat_stub.fail("timeout", seconds=30, count=1)

        failure = busy(by=make_provider(timeout_seconds=1))

        assert failure.error_class is ErrorClass.RETRYABLE_NETWORK
        assert "ReadTimeout" in str(failure)
        assert failure.maybe_billed

    @pytest.mark.parametrize("kind", ["bad_gateway", "request_timeout", "gateway_timeout"])
    def test_where_somebody_in_between_gave_up_the_model_may_have_been_paid(
        self, busy, gigachat_stub, kind
    ):
        gigachat_stub.fail(kind)
        assert busy().maybe_billed

        gigachat_stub.fail(kind, endpoint="upload")
        assert not busy().maybe_billed

    def test_an_error_of_the_model_itself_costs_nothing(self, busy, gigachat_stub):
        gigachat_stub.fail("server_error")

        assert not busy().maybe_billed

    def test_a_server_that_is_not_there_is_busy(self, make_provider, busy):
        failure = busy(by=make_provider(base_url="http://127.0.0.1:9/v1"))

        assert not failure.maybe_billed
        assert failure.error_class is ErrorClass.RETRYABLE_NETWORK

    def test_fact_061_the_adapter_itself_tries_once(self, busy, analyze, gigachat_stub):
        gigachat_stub.fail("server_error", count=2)

        busy()
        busy()

        assert analyze().description
        assert gigachat_stub.stats()["calls"]["chat"] == 3

    def test_one_request_too_many_is_busy(self, make_provider, now):
        with Stub(behavior=Behavior(latency=0.3)) as stub:
            how = {
                "scope": "GIGACHAT_API_PERS",
                "base_url": stub.base_url,
                "auth_url": stub.auth_url,
            }
            provider = make_provider(**how)
            with ThreadPoolExecutor(3) as threads:
                outcomes = list(threads.map(lambda i: _outcome(provider, png(i), now), range(3)))

        assert outcomes.count("seen") < 3
        assert "retryable_rate_limit" in outcomes


class TestRefused:
    @pytest.mark.parametrize("kind", ["bad_request", "too_large", "invalid_params"])
    def test_fact_061_a_wrong_request_is_not_repeated(self, refused, gigachat_stub, kind):
        gigachat_stub.fail(kind)

        refusal = refused()

        assert refusal.reason == "request_rejected"
        assert refusal.error_class is ErrorClass.NON_RETRYABLE_VALIDATION
        assert not isinstance(refusal, ProviderMisconfigured)

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("blacklist", "blacklist"),
            ("not_json", "answer_unusable"),
            ("empty", "answer_unusable"),
            ("no_choices", "answer_unusable"),
            ("cannot_see", "image_not_seen"),
        ],
    )
    def test_an_answer_of_no_use_is_paid_for_all_the_same(
        self, refused, gigachat_stub, kind, reason
    ):
        gigachat_stub.fail(kind)

        refusal = refused()

        assert (refusal.reason, refusal.error_class) == (reason, ErrorClass.NON_RETRYABLE_BUSINESS)
        assert refusal.usage.total_tokens == gigachat_stub.stats()["tokens"]["total_tokens"] > 0
        assert gigachat_stub.stats()["calls"]["chat"] == 1

    def test_an_answer_cut_before_any_description_is_refused(self, refused, gigachat_stub):
        gigachat_stub.fail("answer", content='{"classification": "ph', finish_reason="length")

        refusal = refused()

        assert (refusal.reason, refusal.usage is None) == ("answer_cut", False)

    def test_an_answer_cut_later_is_mended(self, analyze, gigachat_stub):
        gigachat_stub.fail("length")
        before = counted("vision_parsed_total", status="cut", method="repaired")

        assert analyze().description.startswith("На изображении")
        assert counted("vision_parsed_total", status="cut", method="repaired") == before + 1

    def test_fact_063_a_fenced_answer_is_read(self, analyze, gigachat_stub):
        plain = analyze()
        gigachat_stub.fail("fenced")

        fenced = analyze()

        assert (fenced.description, fenced.ocr) == (plain.description, plain.ocr)

    def test_a_picture_that_is_none_is_never_sent(self, refused, gigachat_stub):
        assert refused(image=b"no picture").reason == "unsupported_format"
        assert not gigachat_stub.stats()["calls"]

    def test_what_was_wrong_with_answers_is_counted(self, refused, gigachat_stub):
        gigachat_stub.fail("cannot_see")
        before = counted("vision_parse_errors_total", error_type="image_not_seen")

        refused()

        assert counted("vision_parse_errors_total", error_type="image_not_seen") == before + 1


class TestOperatorsAct:
    @pytest.mark.parametrize(
        ("kind", "endpoint", "reason", "variable"),
        [
            ("payment_required", "chat", "provider_quota", "token package"),
            ("unauthorized", "chat", "provider_unauthorized", "GIGACHAT_BASE_URL"),
            ("unauthorized", "oauth", "provider_unauthorized", "GIGACHAT_CREDENTIALS"),
            ("bad_request", "oauth", "provider_unauthorized", "GIGACHAT_SCOPE"),
            ("no_model", "oauth", "provider_address", "GIGACHAT_AUTH_URL"),
            ("forbidden", "chat", "provider_forbidden", "GIGACHAT_SCOPE"),
            ("no_model", "chat", "unknown_model", "GIGACHAT_VISION_MODEL"),
            ("redirect", "upload", "provider_address", "GIGACHAT_BASE_URL"),
        ],
    )
    def test_the_message_says_what_to_check(
        self, refused, gigachat_stub, kind, endpoint, reason, variable
    ):
        gigachat_stub.fail(kind, endpoint=endpoint)

        refusal = refused()

        assert isinstance(refusal, ProviderMisconfigured)
        assert refusal.reason == reason
        assert variable in str(refusal)

    def test_an_empty_package_is_a_class_of_its_own(self, refused, gigachat_stub):
        gigachat_stub.fail("payment_required")

        assert refused().error_class is ErrorClass.NON_RETRYABLE_QUOTA

    def test_a_model_that_is_not_there_is_named(self, make_provider, refused):
        refusal = refused(by=make_provider(model="GigaChat-9"))

        assert (refusal.reason, "'GigaChat-9'" in str(refusal)) == ("unknown_model", True)

    def test_wrong_credentials_are_not_repeated(self, make_provider, refused):
        secret = "hush-9f3a"
        wrong = b64encode(f"{CLIENT_ID}:{secret}".encode()).decode()

        refusal = refused(by=make_provider(authorization_key=wrong))

        assert refusal.reason == "provider_unauthorized"
        assert secret not in str(refusal)
        assert wrong not in str(refusal)

    def test_an_address_that_is_another_server_is_a_mistake(
        self, make_provider, refused, gigachat_stub
    ):
        refusal = refused(by=make_provider(base_url=f"{gigachat_stub.url}/somewhere"))

        assert refusal.reason == "provider_address"


class TestTokens:
    def test_a_token_that_ran_out_is_renewed_without_a_word(self, analyze, gigachat_stub):
        analyze(png(1))
        gigachat_stub.state.expire_tokens()

        assert analyze(png(2)).description
        assert gigachat_stub.stats()["calls"]["oauth"] == 2

    def test_threads_do_not_trip_over_each_others_tokens(self, provider, gigachat_stub, now):
        gigachat_stub.fail("expired_token", endpoint="upload", count=1, probability=0.1)

        with ThreadPoolExecutor(8) as threads:
            outcomes = list(threads.map(lambda i: _outcome(provider, png(i), now), range(40)))

        assert outcomes == ["seen"] * 40
        assert gigachat_stub.stats()["statuses"]["upload 401"] >= 1

    def test_all_threads_share_one_client_and_its_token(self, provider, gigachat_stub, now):
        with ThreadPoolExecutor(8) as threads:
            outcomes = list(threads.map(lambda i: _outcome(provider, png(i), now), range(40)))

        assert outcomes == ["seen"] * 40
        assert gigachat_stub.stats()["calls"]["oauth"] == 1
        assert gigachat_stub.stats()["pictures_seen"] == 40
        assert gigachat_stub.stats()["files"] == 0


class TestSecrets:
    def test_neither_key_nor_token_are_logged_or_shown(self, analyze, gigachat_stub, caplog):
        caplog.set_level(logging.DEBUG)
        told = []
        for kind in ("unauthorized", "server_error", "bad_request", "rate_limited", "not_json"):
            gigachat_stub.fail(kind)
            with pytest.raises((ProviderBusy, ProviderRefused)) as failure:
                analyze()
            told.append(repr(failure.getrepr(chain=True)) + str(failure.value))

        everything = caplog.text + "".join(told)
        assert KEY not in everything
        assert CLIENT_SECRET not in everything
        assert "stub." + next(iter(gigachat_stub.state._tokens))[5:37] not in everything

    def test_a_connection_that_is_printed_hides_its_key(self):
        connection = GigaChatConnection(
            authorization_key=KEY, base_url="", auth_url="", scope="", timeout_seconds=1
        )

        assert KEY not in repr(connection)


class TestSettings:
    def test_without_configuration_there_is_no_provider(self, settings):
        assert not settings.GIGACHAT.configured
        assert providers.get_gigachat() is None

    def test_the_configured_provider_is_one_per_process(self, gigachat, now):
        provider = providers.get_gigachat()

        assert provider.analyze(png(), mime="image/png", prompt=PROMPT, now=now).description
        assert providers.get_gigachat() is provider
        assert checks.gigachat_is_usable() == []

    def test_the_sdk_hears_of_no_variable_but_ours(self, monkeypatch, gigachat_stub, now):
        connection = GigaChatConnection(
            authorization_key=KEY, base_url=gigachat_stub.base_url,
            auth_url=gigachat_stub.auth_url, scope="GIGACHAT_API_CORP", timeout_seconds=5,
        )  # fmt: skip
        clean = connect(connection)
        for name, value in {
            "ACCESS_TOKEN": "foreign", "USER": "foreign", "PASSWORD": "foreign", "MODEL": "foreign",
            "PROFANITY_CHECK": "true", "FLAGS": '["foreign"]', "VERIFY_SSL_CERTS": "false",
            "BASE_URL": "http://foreign.invalid", "SCOPE": "foreign", "CREDENTIALS": "Zm9yZWlnbg==",
            "MAX_RETRIES": "9", "CA_BUNDLE_FILE": "/foreign.pem", "CERT_FILE": "/foreign.pem",
            "KEY_FILE": "/foreign.pem", "KEY_FILE_PASSWORD": "foreign", "TIMEOUT": "1",
            "MAX_CONNECTIONS": "1", "TOKEN_EXPIRY_BUFFER_MS": "1", "RETRY_BACKOFF_FACTOR": "9",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"GIGACHAT_{name}", value)

        client = connect(connection)

        different = {"ssl_context"}
        assert client._settings.model_dump(exclude=different) == clean._settings.model_dump(
            exclude=different
        )
        assert client.token is None
        assert set(Settings.model_fields) >= {"credentials", "base_url", "ssl_context"}

    def test_the_sdk_does_not_retry(self, make_provider):
        assert make_provider()._client._settings.max_retries == 0


class TestCertificates:
    """TLS that nobody vouches for carries no credentials (CONTRACT B10)."""

    @pytest.fixture
    def secure_stub(self, certificate_files):
        with Stub(chain=certificate_files.chain) as stub:
            yield stub

    def test_a_root_that_is_not_known_is_refused_before_anything_is_sent(
        self, make_provider, busy, secure_stub
    ):
        failure = busy(by=make_provider(stub=secure_stub))

        assert failure.error_class is ErrorClass.RETRYABLE_NETWORK
        assert "GIGACHAT_CA_BUNDLE_FILE" in str(failure)
        assert not secure_stub.stats()["calls"]

    def test_with_the_bundle_it_is_trusted(
        self, make_provider, analyze, secure_stub, certificate_files
    ):
        provider = make_provider(stub=secure_stub, ca_bundle_file=certificate_files.ca)

        assert analyze(by=provider).description

    def test_who_insists_may_leave_it_unverified_and_is_warned(
        self, make_provider, analyze, secure_stub, settings
    ):
        assert analyze(by=make_provider(stub=secure_stub, verify_ssl=False)).description

        settings.GIGACHAT = settings.GIGACHAT.model_copy(
            update={"client_id": "x", "verify_ssl": False}
        )
        [warning] = checks.gigachat_is_usable()
        assert warning.id == "vision.W002"

    def test_a_bundle_that_is_none_stops_the_process_at_its_start(self, settings, tmp_path):
        bundle = tmp_path / "ca.pem"
        bundle.write_text("not a certificate")
        settings.GIGACHAT = settings.GIGACHAT.model_copy(
            update={"client_id": "x", "ca_bundle_file": bundle}
        )

        [error] = checks.gigachat_is_usable()

        assert (error.id, "GIGACHAT_CA_BUNDLE_FILE" in error.msg) == ("vision.E002", True)


def _outcome(provider: GigaChatVision, image: bytes, now) -> str:
    try:
        provider.analyze(image, mime="image/png", prompt=PROMPT, now=now)
    except ProviderBusy as busy:
        return busy.error_class.value
    return "seen"


def _requests(stub: Stub, monkeypatch) -> list[dict]:
    """The chats that the stub accepts from now on."""
    from tests.gigachat_stub import chat  # noqa: PLC0415

    accepted: list[dict] = []
    check = chat.check

    def remember(*args, **kwargs):
        accepted.append(check(*args, **kwargs))
        return accepted[-1]

    monkeypatch.setattr(chat, "check", remember)
    return accepted
