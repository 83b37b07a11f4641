"""The environment: whatever is wrong is named, whatever is secret stays unsaid."""

import traceback
from base64 import b64decode, b64encode
from pathlib import Path
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from pydantic_settings import BaseSettings

from telegram_assistant import config
from telegram_assistant.config.servers import storage
from tests.gigachat_stub import certificates

SECRET = "hush-9f3a"
GROUPS = [g for g in BaseSettings.__subclasses__() if g.__module__.startswith(config.__name__)]
S3_COMPLETE = {
    "S3_BUCKET_NAME": "archive", "S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": SECRET,
}  # fmt: skip


def variables() -> list[str]:
    """Every environment variable that `config` reads."""
    return [
        f"{group.model_config.get('env_prefix', '')}{name}".upper()
        for group in GROUPS
        for name in group.model_fields
    ]


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch, tmp_path) -> None:
    """Neither the developer's .env nor the variables this run was started with."""
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    for group in GROUPS:
        monkeypatch.setitem(group.model_config, "env_file", tmp_path / "absent.env")


@pytest.fixture
def read(monkeypatch):
    """Reads an environment of only these variables."""

    def _(**values: str) -> config.Environment:
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        return config.read()

    return _


@pytest.fixture
def complaint(read):
    """What is said of an environment of only these variables."""

    def _(**values: str) -> str:
        with pytest.raises(ImproperlyConfigured) as refusal:
            read(**values)
        return str(refusal.value)

    return _


class TestDefaults:
    def test_an_empty_environment_is_usable(self, read):
        env = read()

        assert env.web.database()["ENGINE"] == "telegram_assistant.embedded_postgres"
        assert not env.s3.configured
        assert not env.web.debug
        assert env.vision.feature_vision_enabled

    def test_the_limits_are_those_of_the_contract_in_gib(self, read):
        limits = read().s3.limits()

        gib = 1024**3
        assert (limits.total_bytes, limits.emergency_bytes) == (15 * gib, 14 * gib)
        assert limits.tenant_bytes == 2 * gib
        assert limits.by_type == {
            "media": 10 * gib, "vision": 2 * gib, "crawl": 2 * gib, "album": gib,
        }  # fmt: skip

    def test_what_was_read_cannot_be_changed(self, read):
        env = read()

        with pytest.raises(ValueError, match="frozen"):
            env.s3.bucket_name = "another"

    def test_variables_of_other_programs_do_not_matter(self, read):
        env = read(PATH="/usr/bin", S3_FS_CACHE="yes", ALBUM_ART="yes")

        assert env == config.read()

    def test_the_env_file_is_read_and_the_environment_wins_over_it(
        self, read, monkeypatch, tmp_path
    ):
        env_file = tmp_path / "my.env"
        env_file.write_text("TIME_ZONE=Asia/Omsk\nQ_WORKERS=7\nS3_REGION=ru-9\nNOT_OURS=1\n")
        for group in GROUPS:
            monkeypatch.setitem(group.model_config, "env_file", env_file)

        env = read(Q_WORKERS="2")

        assert (env.web.time_zone, env.web.q_workers, env.s3.region) == ("Asia/Omsk", 2, "ru-9")


class TestDeployed:
    FIT = {"DEPLOYED": "1", "ALLOWED_HOSTS": "archive.example,127.0.0.1"}  # noqa: RUF012 - not changed

    def test_one_variable_is_enough_for_https(self, read):
        web = read(**self.FIT).web

        assert web.is_https
        assert web.hsts_for.days == 365

    def test_https_may_be_tried_out_without_it(self, read):
        web = read(HTTPS_ONLY="1").web

        assert web.is_https
        assert web.hsts_for.days == 30

    def test_neither_means_no_https(self, read):
        assert not read().web.is_https
        assert not read().web.hsts_for

    @pytest.mark.parametrize(
        ("name", "value", "remedy"),
        [
            ("DEBUG", "1", "leave it out"),
            ("ALLOWED_HOSTS", "*", "list the names"),
            ("ALLOWED_HOSTS", "archive.example,*", "list the names"),
            ("ALLOWED_HOSTS", "", "list the names"),
            ("ALLOWED_HOSTS", "localhost,127.0.0.1", "list the names"),
            ("HTTPS_ONLY", "false", "leave it out"),
            ("DJANGO_SECRET_KEY", SECRET, "leave DJANGO_SECRET_KEY out"),
            ("DJANGO_SECRET_KEY", "x" * 60, "secrets.token_urlsafe"),
            ("CSRF_TRUSTED_ORIGINS", "http://archive.example", "https://"),
        ],
    )
    def test_what_does_not_fit_is_refused_with_its_remedy(self, complaint, name, value, remedy):
        told = complaint(**{**self.FIT, name: value})

        assert f"  {name}: " in told
        assert remedy in told
        assert SECRET not in told

    def test_hosts_left_at_the_default_are_refused(self, complaint):
        assert "ALLOWED_HOSTS: " in complaint(DEPLOYED="1")

    def test_everything_that_does_not_fit_is_told_at_once(self, complaint):
        told = complaint(DEPLOYED="1", DEBUG="1", DJANGO_SECRET_KEY="short")

        assert [line.partition(":")[0].strip() for line in told.splitlines()[1:]] == [
            "DEBUG", "ALLOWED_HOSTS", "DJANGO_SECRET_KEY",
        ]  # fmt: skip

    @pytest.mark.parametrize("value", ["1", "true"])
    def test_on_one_machine_nothing_of_it_is_asked(self, read, value):
        assert read(DEBUG=value, ALLOWED_HOSTS="*", DJANGO_SECRET_KEY="short").web.debug


class TestBadValues:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DEBUG", "perhaps"),
            ("HTTPS_ONLY", "2"),
            ("LOG_LEVEL", "info"),
            ("LOG_LEVEL", "LOUD"),
            ("Q_WORKERS", "0"),
            ("Q_WORKERS", "65"),
            ("Q_WORKERS", "many"),
            ("METRICS_PORT", "65536"),
            ("METRICS_HOST", "two words"),
            ("METRICS_TOKEN", "too short"),
            ("TIME_ZONE", "Europe/Atlantis"),
            ("TIME_ZONE", "../../etc/passwd"),
            ("TIME_ZONE", ""),
            ("TIME_ZONE", "Europe"),
            ("S3_TOTAL_LIMIT_GB", "0"),
            ("S3_TOTAL_LIMIT_GB", "fifteen"),
            ("S3_TOTAL_LIMIT_GB", "nan"),
            ("S3_TOTAL_LIMIT_GB", "inf"),
            ("S3_PER_TENANT_LIMIT_GB", "-1"),
            ("S3_MEDIA_MAX_GB", "0"),
            ("S3_COMPRESSION_LEVEL", "10"),
            ("S3_VERIFY_SSL", "maybe"),
            ("S3_CONNECT_TIMEOUT_SEC", "0"),
            ("S3_MAX_RETRY_ATTEMPTS", "0"),
            ("S3_RETRY_MODE", "often"),
            ("S3_ENDPOINT_URL", "https://s3.example.org/bucket"),
            ("S3_ENDPOINT_URL", "https://s3.example.org/bucket/"),
            ("S3_ENDPOINT_URL", "https://s3.example.org/?region=ru"),
            ("S3_ENDPOINT_URL", "https://key:secret@s3.example.org"),
            ("S3_ENDPOINT_URL", "https://s3.example.org#bucket"),
            ("S3_ENDPOINT_URL", "s3.example.org"),
            ("S3_ENDPOINT_URL", "ftp://s3.example.org"),
            ("S3_ENDPOINT_URL", "https://s3.example.org:port"),
            ("S3_ENDPOINT_URL", "https://s3.example.org:70000"),
            ("S3_ENDPOINT_URL", "https://my_minio:9000"),
            ("S3_ENDPOINT_URL", "http://0xa9fea9fe"),
            ("S3_ENDPOINT_URL", "http://2130706433:9000"),
            ("S3_ENDPOINT_URL", "https://[::zzz]:9000"),
            ("S3_ENDPOINT_URL", ""),
            ("S3_REGION", "no such"),
            ("S3_REGION", "-ru"),
            ("S3_BUCKET_NAME", "bucket/folder"),
            ("S3_BUCKET_NAME", "https://s3.example.org/bucket"),
            ("S3_CA_BUNDLE", "/nowhere/ca.pem"),
            ("S3_CA_BUNDLE", ""),
            ("S3_FORCE_PATH_STYLE", "maybe"),
            ("S3_MULTIPART_THRESHOLD_MB", "4"),
            ("S3_MULTIPART_CHUNKSIZE_MB", "4"),
            ("S3_PRESIGNED_URL_TTL", "301"),
            ("S3_PRESIGNED_URL_TTL", "-1"),
            ("S3_USE_COMPRESSION", "some"),
            ("S3_DEFAULT_TENANT_ID", "default"),
            ("FEATURE_VISION_ENABLED", "sometimes"),
            ("VISION_OCR_LANGUAGES", "rus, eng"),
            ("VISION_OCR_LANGUAGES", "rus;rm -rf /"),
            ("VISION_OCR_TIMEOUT_SEC", "601"),
            ("VISION_MAX_PIXELS", "0"),
            ("VISION_MAX_PIXELS", "89478486"),
            ("VISION_MAX_OUTPUT_TOKENS", "0"),
            ("VISION_PREPROCESS_MAX_DIM", "10000"),
            ("VISION_PREPROCESS_JPEG_QUALITY", "100"),
            ("VISION_PREPROCESS_GRAYSCALE", "a bit"),
            ("GIGACHAT_SCOPE", "GIGACHAT_API_FREE"),
            ("GIGACHAT_BASE_URL", "api.giga.chat"),
            ("GIGACHAT_AUTH_URL", ""),
            ("GIGACHAT_VERIFY_SSL", "later"),
            ("GIGACHAT_CA_BUNDLE_FILE", "/nowhere/ca.pem"),
            ("GIGACHAT_CREDENTIALS", "not base64!"),
            ("GIGACHAT_CREDENTIALS", "bm8gY29sb24="),
            ("GIGACHAT_VISION_TIMEOUT", "0"),
            ("GIGACHAT_MAX_CONCURRENT_REQUESTS", "0"),
            ("GIGACHAT_CIRCUIT_BREAKER_FAILURE_THRESHOLD", "0"),
            ("GIGACHAT_CIRCUIT_BREAKER_RECOVERY_TIMEOUT", "inf"),
            ("ALBUM_TIMEOUT_MINUTES", "0"),
            ("S3_MEDIA_TTL_DAYS", "0"),
            ("S3_CLEANUP_CHECK_INTERVAL_HOURS", "-6"),
            ("ALBUM_TIMEOUT_MINUTES", "soon"),
            ("ALBUM_TIMEOUT_MINUTES", "inf"),
        ],
    )
    def test_a_bad_value_is_refused_by_the_name_of_its_variable(self, complaint, name, value):
        assert f"{name}: " in complaint(**{name: value})

    def test_all_of_them_are_named_at_once(self, complaint):
        text = complaint(
            Q_WORKERS="none", S3_MEDIA_MAX_GB="x", VISION_MAX_PIXELS="y", ALBUM_TIMEOUT_MINUTES="z"
        )

        lines = text.splitlines()
        assert lines[0] == "The environment is not usable:"
        assert [line.split(":")[0].strip() for line in lines[1:]] == [
            "Q_WORKERS", "S3_MEDIA_MAX_GB", "VISION_MAX_PIXELS", "ALBUM_TIMEOUT_MINUTES",
        ]  # fmt: skip

    def test_a_target_above_the_threshold_is_refused(self, complaint):
        text = complaint(S3_TARGET_AFTER_CLEANUP_GB="14.5")

        assert "S3_TARGET_AFTER_CLEANUP_GB must not be above S3_EMERGENCY_THRESHOLD_GB" in text

    def test_a_small_bucket_is_cleaned_up_to_its_threshold(self, read):
        cleanup = read(S3_TOTAL_LIMIT_GB="1.5", S3_EMERGENCY_THRESHOLD_GB="0.5").s3.cleanup()

        assert cleanup.target_bytes == storage.GIB // 2

    def test_a_time_zone_that_is_none_says_what_one_looks_like(self, complaint):
        assert "Europe/Moscow" in complaint(TIME_ZONE="MSK+3")


class TestObjectStore:
    @pytest.mark.parametrize("missing", sorted(S3_COMPLETE))
    def test_half_of_s3_is_refused_and_the_other_half_is_named(self, complaint, missing):
        given = {name: value for name, value in S3_COMPLETE.items() if name != missing}

        assert f"S3 is half configured: set {missing} too" in complaint(**given)

    def test_all_of_s3_is_enough(self, read):
        s3 = read(**S3_COMPLETE).s3

        assert s3.configured
        assert s3.secret_access_key.get_secret_value() == SECRET

    @pytest.mark.parametrize(
        "address",
        [
            "https://s3.example.org",
            "http://localhost:9000",
            "http://127.0.0.1:7480/",
            "https://[2001:db8::1]:9000",
            "https://S3.Example.org:443",
        ],
    )
    def test_an_address_is_scheme_host_and_port(self, read, address):
        s3 = read(**S3_COMPLETE | {"S3_ENDPOINT_URL": address}).s3

        assert s3.endpoint_url == address.removesuffix("/")

    def test_a_bucket_in_the_path_is_refused_with_where_it_belongs(self, complaint):
        text = complaint(**S3_COMPLETE | {"S3_ENDPOINT_URL": "https://s3.example.org/mine"})

        assert "S3_BUCKET_NAME" in text

    def test_a_bucket_in_the_host_is_refused_too(self, complaint, read):
        mine = S3_COMPLETE | {
            "S3_BUCKET_NAME": "mine",
            "S3_ENDPOINT_URL": "https://mine.s3.example.org",
        }

        assert "S3_ENDPOINT_URL begins with the bucket" in complaint(**mine)
        assert read(**mine | {"S3_BUCKET_NAME": "min"}).s3.configured

    @pytest.mark.parametrize("kind", ["key", "text", "empty", "authority"])
    def test_certificates_to_trust_are_certificates(self, complaint, read, tmp_path, kind):
        made = certificates.make(tmp_path)
        file = tmp_path / "file.pem"
        content = {
            "key": made.chain.read_bytes().partition(b"-----BEGIN CERT")[0],
            "text": b"not PEM",
            "empty": b"",
            "authority": made.ca.read_bytes(),
        }[kind]
        file.write_bytes(content)

        if kind == "authority":
            assert read(S3_CA_BUNDLE=str(file)).s3.certificates == str(file)
        else:
            assert "no certificate" in complaint(S3_CA_BUNDLE=str(file))

    @pytest.mark.parametrize("threshold", ["15", "15.5"])
    def test_the_emergency_comes_before_the_limit(self, complaint, threshold):
        text = complaint(S3_EMERGENCY_THRESHOLD_GB=threshold)

        assert "S3_EMERGENCY_THRESHOLD_GB must be below S3_TOTAL_LIMIT_GB" in text

    def test_fractions_of_a_gib_are_bytes(self, read):
        limits = read(S3_TOTAL_LIMIT_GB="1.5", S3_EMERGENCY_THRESHOLD_GB="0.5").s3.limits()

        assert (limits.total_bytes, limits.emergency_bytes) == (3 * 512 * 1024**2, 512 * 1024**2)

    def test_the_default_tenant_is_a_uuid(self, read):
        tenant = read(S3_DEFAULT_TENANT_ID="6F9619FF-8B86-D011-B42D-00CF4FC964FF").s3

        assert tenant.default_tenant_id == UUID("6f9619ff-8b86-d011-b42d-00cf4fc964ff")


class TestGigaChat:
    def test_nothing_given_is_not_configured(self, read):
        gigachat = read().gigachat

        assert not gigachat.configured
        assert gigachat.verify_ssl

    def test_the_pair_makes_the_key(self, read):
        gigachat = read(GIGACHAT_CLIENT_ID="me", GIGACHAT_CLIENT_SECRET=SECRET).gigachat

        assert gigachat.configured
        assert b64decode(gigachat.authorization_key.get_secret_value()) == f"me:{SECRET}".encode()

    def test_the_key_comes_before_the_pair(self, read):
        key = b64encode(f"other:{SECRET}".encode()).decode()

        gigachat = read(
            GIGACHAT_CREDENTIALS=key, GIGACHAT_CLIENT_ID="me", GIGACHAT_CLIENT_SECRET=SECRET
        ).gigachat

        assert gigachat.authorization_key.get_secret_value() == key

    @pytest.mark.parametrize(
        ("given", "missing"),
        [
            ("GIGACHAT_CLIENT_ID", "GIGACHAT_CLIENT_SECRET"),
            ("GIGACHAT_CLIENT_SECRET", "GIGACHAT_CLIENT_ID"),
        ],
    )
    def test_half_a_pair_is_refused_and_the_other_half_is_named(self, complaint, given, missing):
        text = complaint(**{given: SECRET})

        assert f"GigaChat is half configured: set {missing} too" in text
        assert SECRET not in text

    @pytest.mark.parametrize(
        ("given", "model"),
        [
            ({}, "GigaChat-2-Pro"),
            ({"GIGACHAT_VISION_MODEL": "GigaChat-Pro"}, "GigaChat-Pro"),
            ({"GIGACHAT_MODEL": "GigaChat-2"}, "GigaChat-2"),
            (
                {"GIGACHAT_MODEL": "GigaChat-2", "GIGACHAT_VISION_MODEL": "GigaChat-2-Max"},
                "GigaChat-2-Max",
            ),
        ],
    )
    def test_the_vision_model_comes_before_the_general_one(self, read, given, model):
        assert read(**given).gigachat.model_name == model

    @pytest.mark.parametrize(
        ("given", "requests"),
        [
            ({}, 1),
            ({"GIGACHAT_SCOPE": "GIGACHAT_API_CORP"}, 10),
            ({"GIGACHAT_SCOPE": "GIGACHAT_API_B2B", "GIGACHAT_MAX_CONCURRENT_REQUESTS": "3"}, 3),
            ({"GIGACHAT_MAX_CONCURRENT_REQUESTS": ""}, 1),
        ],
    )
    def test_the_scope_says_how_many_requests_go_at_a_time(self, read, given, requests):
        assert read(**given).gigachat.concurrent_requests == requests

    def test_secrets_are_hidden_where_settings_are_printed(self, read):
        key = b64encode(f"me:{SECRET}".encode()).decode()

        gigachat = read(GIGACHAT_CREDENTIALS=key, GIGACHAT_CLIENT_SECRET=SECRET).gigachat

        assert SECRET not in repr(gigachat)
        assert key not in repr((gigachat, gigachat.authorization_key))


class TestDatabase:
    def test_a_url_becomes_what_django_wants(self, read):
        web = read(
            DATABASE_URL=f"postgresql://ann:{SECRET}@db.example:6432/archive?sslmode=require"
        )

        assert web.web.database() == {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "archive",
            "USER": "ann",
            "PASSWORD": SECRET,
            "HOST": "db.example",
            "PORT": "6432",
            "OPTIONS": {"sslmode": "require"},
        }

    def test_a_socket_folder_and_encoded_signs_are_understood(self, read):
        database = read(
            DATABASE_URL="postgresql://ann:p%40ss@/archive?host=%2Fvar%2Frun"
        ).web.database()

        assert (database["PASSWORD"], database["HOST"], database["PORT"]) == (
            "p@ss", "/var/run", "",
        )  # fmt: skip

    @pytest.mark.parametrize(
        "url",
        [
            f"mysql://ann:{SECRET}@db.example/archive",
            f"sqlite:///{SECRET}.db",
            f"ann:{SECRET}@db.example",
            f"postgresql://ann:{SECRET} x@db.example/archive",
            f"postgresql://ann:{SECRET}%zz@db.example/archive",
            f"postgresql://ann:{SECRET}@[db/archive",
            f"postgresql://ann:{SECRET}@db.example/archive?unknown=1",
        ],
    )
    def test_another_database_or_no_url_is_refused_without_repeating_it(self, read, url):
        web = read(DATABASE_URL=url).web

        with pytest.raises(ImproperlyConfigured, match="DATABASE_URL: not a PostgreSQL") as refusal:
            web.database()

        printed = "".join(traceback.format_exception(refusal.value))
        assert SECRET not in printed

    @pytest.mark.parametrize("url", ["", f"postgresql://ann:{SECRET}@db.example"])
    def test_a_url_without_a_database_is_refused(self, read, url):
        web = read(DATABASE_URL=url).web

        with pytest.raises(ImproperlyConfigured, match="DATABASE_URL: names no database"):
            web.database()


class TestPlaces:
    def test_a_relative_folder_is_made_absolute(self, read, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)

        web = read(VAR_DIR="data/var").web

        assert web.var_dir == tmp_path / "data" / "var"
        assert web.database()["EMBEDDED_DIR"] == tmp_path / "data" / "var" / "postgres"

    def test_a_tilde_is_the_home_of_who_runs_it(self, read, monkeypatch, tmp_path):
        monkeypatch.setenv("HOME", str(tmp_path))

        assert read(VAR_DIR="~/archive").web.var_dir == tmp_path / "archive"

    def test_by_default_everything_lies_beside_the_code(self, read):
        assert read().web.var_dir == Path(config.__file__).resolve().parents[2] / "var"

    @pytest.mark.parametrize(
        ("text", "hosts"),
        [
            ("archive.example", ["archive.example"]),
            (" a.example, b.example ,", ["a.example", "b.example"]),
            ("", []),
        ],
    )
    def test_hosts_are_separated_by_commas(self, read, text, hosts):
        assert read(ALLOWED_HOSTS=text).web.allowed_hosts == hosts


class TestSigningIn:
    def test_nothing_configured_means_neither_mail_nor_an_identity_provider(self, read):
        env = read()

        assert not env.email.configured
        assert not env.oidc.configured
        assert env.oidc.providers() == {}

    def test_a_provider_of_identities_is_configured_whole_or_not_at_all(self, read, complaint):
        assert "belong together" in complaint(OIDC_ISSUER_URL="https://id.example")

        env = read(OIDC_CLIENT_ID="archive", OIDC_CLIENT_SECRET=SECRET)
        [app] = env.oidc.providers()["openid_connect"]["APPS"]
        assert app["settings"] == {"server_url": "https://id.example"}

    @pytest.mark.parametrize("url", ["http://id.example", "ftp://id.example", "id.example"])
    def test_it_is_asked_with_tls_only(self, complaint, url):
        assert "https://" in complaint(
            OIDC_ISSUER_URL=url, OIDC_CLIENT_ID="archive", OIDC_CLIENT_SECRET=SECRET
        )

    def test_a_mail_server_needs_a_sender(self, complaint):
        assert "EMAIL_SENDER" in complaint(EMAIL_HOST="mail.example")


class TestSecrets:
    def test_no_message_repeats_a_value(self, complaint):
        wrong = {name: SECRET for name in variables() if name not in FREE_TEXT}

        text = complaint(**wrong)

        assert SECRET not in text
        assert all(name in text for name in wrong)

    def test_a_secret_beside_an_error_is_not_printed(self, monkeypatch):
        for name, value in {**S3_COMPLETE, "DJANGO_SECRET_KEY": SECRET}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("DATABASE_URL", f"postgresql://ann:{SECRET}@db.example/archive")
        monkeypatch.setenv("S3_EMERGENCY_THRESHOLD_GB", "20")
        monkeypatch.setenv("Q_WORKERS", "x")

        with pytest.raises(ImproperlyConfigured) as refusal:
            config.read()

        assert SECRET not in "".join(traceback.format_exception(refusal.value))

    def test_secrets_are_hidden_where_settings_are_printed(self, read):
        env = read(
            **S3_COMPLETE,
            DJANGO_SECRET_KEY=SECRET,
            DATABASE_URL=f"postgresql://ann:{SECRET}@db.example/archive",
        )

        assert SECRET not in repr(env)


FREE_TEXT = {
    "CRAWL4AI_API_TOKEN",
    "CRAWL_TRIGGER_TAGS", "CRAWL_DENY_HOSTS", "CRAWL_ALLOW_HOSTS", "CRAWL_USER_AGENT",
    "METRICS_HOST", "SEARCH_ANSWER_MODEL", "TAGGING_MODEL",
    "DJANGO_SECRET_KEY", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "LANGUAGE_CODE", "DATABASE_URL",
    "VAR_DIR", "S3_ENDPOINT_URL", "S3_BUCKET_NAME", "S3_REGION", "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY", "VISION_POLICY_CONFIG_PATH", "GIGACHAT_CLIENT_ID",
    "GIGACHAT_CLIENT_SECRET", "GIGACHAT_MODEL", "GIGACHAT_VISION_MODEL",
    "TELEGRAM_API_HASH",
    "SEARCH_QUERY_PREFIX", "SEARCH_PASSAGE_PREFIX", "SEARCH_GIGACHAT_MODEL", "SEARCH_OPENAI_MODEL",
    "SEARCH_OPENAI_API_KEY", "SEARCH_OPENAI_FORMER_API_KEY", "SEARCH_FASTEMBED_FOLDER",
    "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_NAME", "QDRANT_API_KEY", "QDRANT_COLLECTION",
    "NEO4J_USER", "NEO4J_PASSWORD", "NEO4J_DATABASE",
    "EMAIL_HOST", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_SENDER",
}  # fmt: skip
"""Variables whose value may be any text."""


class TestNeo4j:
    def test_there_is_no_graph_by_default(self, read):
        assert not read().neo4j.configured

    @pytest.mark.parametrize(
        "url", ["embedded", "bolt://neo4j:7687", "neo4j+s://x.databases.neo4j.io"]
    )
    def test_it_is_a_server_or_this_machine(self, read, url):
        neo4j = read(NEO4J_URL=url).neo4j

        assert neo4j.configured
        assert neo4j.embedded is (url == "embedded")

    @pytest.mark.parametrize(
        "url",
        ["http://neo4j:7474", "neo4j", "bolt://", "bolt://neo4j:secret@host", "bolt://host/db"],
    )
    def test_what_is_no_address_is_refused_and_not_repeated(self, complaint, url):
        text = complaint(NEO4J_URL=url)

        assert "NEO4J_URL: " in text
        assert "secret" not in text

    def test_a_password_is_for_a_server(self, complaint):
        assert "NEO4J_PASSWORD" in complaint(NEO4J_URL="embedded", NEO4J_PASSWORD=SECRET)


class TestQdrant:
    def test_without_an_address_there_is_none(self, read):
        qdrant = read().qdrant

        assert not qdrant.configured
        assert qdrant.collection == "telegram_posts"

    @pytest.mark.parametrize(
        ("given", "url"),
        [
            ("http://qdrant:6333", "http://qdrant:6333"),
            ("http://qdrant:6333/", "http://qdrant:6333"),
            ("http://qdrant", "http://qdrant:6333"),
            ("https://Name.Cloud.Qdrant.io/", "https://name.cloud.qdrant.io:6333"),
            ("http://[::1]", "http://[::1]:6333"),
            ("https://example.org:443/vectors/", "https://example.org:443/vectors"),
        ],
    )
    def test_an_address_without_a_port_has_qdrants(self, read, given, url):
        assert read(QDRANT_URL=given).qdrant.url == url

    @pytest.mark.parametrize(
        "url",
        ["qdrant:6333", "qdrant", "ftp://qdrant", "http://", "http://qdrant:port", "http://qdrant:99999",
         "http://key:secret@qdrant:6333", "http://qdrant:6333?api-key=x", "http://2130706433:6333"],
    )  # fmt: skip
    def test_what_is_no_address_is_refused_by_name(self, complaint, url):
        text = complaint(QDRANT_URL=url)

        assert "QDRANT_URL: " in text
        assert "secret" not in text

    def test_a_key_without_an_address_is_a_mistake(self, complaint):
        assert "QDRANT_API_KEY" in complaint(QDRANT_API_KEY=SECRET)

    @pytest.mark.parametrize("name", ["посты", "a/b", "", "a" * 101, ".."])
    def test_a_collection_is_a_simple_name(self, complaint, name):
        assert "QDRANT_COLLECTION" in complaint(QDRANT_COLLECTION=name)

    def test_the_key_is_hidden_where_settings_are_printed(self, read):
        qdrant = read(QDRANT_URL="http://qdrant", QDRANT_API_KEY=SECRET).qdrant

        assert SECRET not in repr(qdrant)


@pytest.mark.parametrize(
    ("given", "ceilings"),
    [
        ("", (4096, 4096)),
        ("5000", (5000, 5000)),
        ("GigaChat-2-Max=8192", (4096, 8192)),
        ("5000,GigaChat-2-Max=8192,GigaChat=1", (1, 8192)),
    ],
)
def test_a_ceiling_is_a_number_or_one_for_each_model(read, given, ceilings):
    vision = read(VISION_TOKENS_CEILING=given).vision

    found = (vision.tokens_ceiling("GigaChat-2-Pro"), vision.tokens_ceiling("GigaChat-2-Max:2.0"))

    assert found == ceilings
