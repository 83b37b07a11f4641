"""Encoders of other programs: whatever they answer becomes right vectors, or a reason in words."""

import json
import math
import time
from base64 import b64decode, b64encode
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest

from search.embeddings import paying
from search.embeddings.answers import unit, vectors_of
from search.embeddings.fake import FakeEncoder
from search.embeddings.fastembed import FastEmbedEncoder
from search.embeddings.gigachat import GigaChatEncoder
from search.embeddings.openai import OpenAiEncoder
from search.embeddings.port import EncoderUnavailable
from search.embeddings.requested import Preparation
from search.embeddings.within import MOST_HANGING, query_vector
from search.monitoring import checks
from telegram_assistant.config import GigaChat, Search
from tests.embedding_server import EmbeddingServer
from tests.gigachat_stub import CLIENT_ID, CLIENT_SECRET

MADE = []
HOW = Preparation(chars=200, batch=3)
TEXTS = ["кошка спит", "dog barks", "море", "лес", "дом"]


@pytest.fixture
def server():
    with EmbeddingServer() as running:
        yield running


@pytest.fixture
def encoder(server):
    return made(server)


@pytest.fixture(autouse=True)
def _closed():
    yield
    while MADE:
        MADE.pop().close()


def made(server, **how):
    given = {"url": server.url, "model": "e5", "key": "", "how": HOW, "seconds": 5} | how
    MADE.append(OpenAiEncoder(**given))
    return MADE[-1]


class Purse:
    """Pays, and remembers what for."""

    def __init__(self):
        self.asked, self.bills = [], []

    @contextmanager
    def paid(self, texts):
        self.asked.append(list(texts))
        self.bills.append(SimpleNamespace(tokens=None))
        yield self.bills[-1]


class TestAnyOpenAiAddress:
    def test_texts_go_in_batches_and_vectors_come_back_in_order_at_length_one(
        self, server, encoder
    ):
        vectors = encoder.encode_passages(TEXTS)

        assert [len(request["input"]) for request in server.requests] == [3, 2]
        assert vectors == [pytest.approx(v) for v in server.encoder.encode_queries(TEXTS)]
        assert all(math.hypot(*vector) == pytest.approx(1) for vector in vectors)
        assert encoder.dimension == 64

    def test_an_answer_in_another_order_is_put_in_order(self, server, encoder):
        usual = encoder.encode_passages(TEXTS)
        server.change = lambda data: data[::-1]

        assert encoder.encode_passages(TEXTS) == usual

    def test_prefixes_are_those_of_the_settings_and_part_of_the_name(self, server):
        how = Preparation(200, 3, query_prefix="query: ", passage_prefix="passage: ")
        prefixed = made(server, how=how)

        prefixed.encode_queries(["кот"])
        prefixed.encode_passages(["кот"])

        assert server.texts == ["query: кот", "passage: кот"]
        assert len({prefixed.name, made(server).name, made(server, model="x").name}) == 3

    def test_a_text_of_any_length_and_kind_is_sent_cut_and_clean(self, server, encoder):
        encoder.encode_passages(["слово " * 50_000, "\0\ud800", ""])

        assert all(0 < len(text) <= HOW.chars for text in server.texts)

    def test_the_key_is_sent_and_never_said(self, server):
        secret = made(server, key="sk-secret")
        server.statuses = [401]

        with pytest.raises(EncoderUnavailable, match="SEARCH_OPENAI_API_KEY") as refusal:
            secret.encode_queries(["кот"])

        assert server.keys == ["Bearer sk-secret"]
        assert "sk-secret" not in f"{refusal.value} {vars(refusal.value)}"

    def test_a_key_goes_to_another_machine_by_tls_only(self, server):
        far = made(server, url="http://10.9.9.9:9/v1", key="sk-secret")

        with pytest.raises(EncoderUnavailable, match="https://"):
            far.encode_queries(["кот"])

    @pytest.mark.parametrize(
        "change",
        [
            lambda data: data[:-1],
            lambda data: [*data, data[0]],
            lambda data: [{**item, "index": 0} for item in data],
            lambda data: [{**item, "index": item["index"] + 1} for item in data],
            lambda data: [{**item, "index": "0"} for item in data],
            lambda data: [{**item, "embedding": [math.nan] * 64} for item in data],
            lambda data: [{**item, "embedding": [math.inf] * 64} for item in data],
            lambda data: [{**item, "embedding": [0.0] * 64} for item in data],
            lambda data: [{**item, "embedding": [1e308] * 64} for item in data],
            lambda data: [{**item, "embedding": [10**400] * 64} for item in data],
            lambda data: [{**item, "embedding": ["1"] * 64} for item in data],
            lambda data: [{**item, "embedding": [True] * 64} for item in data],
            lambda data: [{**item, "embedding": []} for item in data],
            lambda data: [{**item, "embedding": [0.1] * 16_001} for item in data],
            lambda data: [{**item, "embedding": "AAAA"} for item in data],
            lambda data: [data[0], {**data[1], "embedding": [0.5] * 32}, *data[2:]],
            lambda data: [None for _ in data],
            lambda data: {"0": data},
            lambda data: "data",
            lambda data: None,
        ],
    )
    def test_no_odd_answer_becomes_a_vector(self, server, encoder, change):
        server.change = change

        with pytest.raises(EncoderUnavailable, match="unexpected"):
            encoder.encode_passages(TEXTS[:3])

    @pytest.mark.parametrize(
        "body",
        [b"", b"<html>502</html>", b"[1]", b"[" * 100_000, b'{"data": ' + b"1" * 5000 + b"}"],
    )
    def test_no_body_is_an_error_of_ours(self, server, encoder, body):
        server.body = body or b" "

        with pytest.raises(EncoderUnavailable):
            encoder.encode_queries(["кот"])

    def test_a_huge_body_is_not_read_to_its_end(self, server, encoder):
        server.body = b'{"data": "' + b"x" * (33 * 1024**2) + b'"}'

        with pytest.raises(EncoderUnavailable, match="larger than"):
            encoder.encode_queries(["кот"])

    def test_another_dimension_in_the_middle_of_the_day_is_refused(self, server, encoder):
        encoder.encode_queries(["кот"])
        server.encoder = FakeEncoder(dimension=32)

        with pytest.raises(EncoderUnavailable, match="64"):
            encoder.encode_passages(["собака"])

    @pytest.mark.parametrize(
        ("header", "wait"),
        [
            ("7", timedelta(seconds=7)),
            ("999999999", timedelta(hours=1)),
            ("-1", None),
            ("nan", None),
            ("soon", None),
            ("", None),
        ],
    )
    def test_a_wait_that_is_asked_for_is_kept_within_reason(self, server, encoder, header, wait):
        server.statuses, server.headers = [429], {"Retry-After": header}

        with pytest.raises(EncoderUnavailable, match="429") as busy:
            encoder.encode_queries(["кот"])

        assert busy.value.after == wait

    def test_a_wait_may_be_a_date(self, server, encoder):
        server.statuses, server.headers = [503], {"Retry-After": "Fri, 31 Dec 2199 23:59:59 GMT"}

        with pytest.raises(EncoderUnavailable) as busy:
            encoder.encode_queries(["кот"])

        assert busy.value.after == timedelta(hours=1)

    @pytest.mark.parametrize("status", [301, 302, 403, 404, 500, 502])
    def test_each_status_is_a_reason(self, server, encoder, status):
        server.statuses = [status]
        server.headers = {"Location": "http://169.254.169.254/"}

        with pytest.raises(EncoderUnavailable, match=str(status)):
            encoder.encode_queries(["кот"])

        assert len(server.requests) == 1

    def test_a_text_that_is_refused_spares_the_others(self, server, encoder):
        server.refuses = ["море"]

        vectors = encoder.encode_passages(TEXTS)

        assert [bool(vector) for vector in vectors] == [True, True, False, True, True]

    def test_where_everything_is_refused_no_text_is_to_blame(self, server, encoder):
        server.refuses = [""]

        with pytest.raises(EncoderUnavailable, match="SEARCH_OPENAI_MODEL"):
            encoder.encode_passages(TEXTS)

    def test_nobody_there_is_a_reason(self, encoder, server):
        gone = made(server, url="http://127.0.0.1:1/v1")

        with pytest.raises(EncoderUnavailable, match="not reached"):
            gone.encode_queries(["кот"])

    def test_an_answer_that_never_ends_is_ended(self, server):
        slow = made(server, seconds=0.3)
        server.seconds = 1.5
        started = time.monotonic()

        with pytest.raises(EncoderUnavailable):
            slow.encode_queries(["кот"])

        assert time.monotonic() - started < 1.4


class TestGigaChat:
    @pytest.fixture
    def gigachat(self, gigachat_stub):
        return self.made(gigachat_stub)

    @staticmethod
    def made(stub, *, model="Embeddings"):
        given = GigaChat(
            _env_file=None,
            credentials=b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode(),
            scope="GIGACHAT_API_CORP",
            base_url=stub.base_url,
            auth_url=stub.auth_url,
        )
        MADE.append(GigaChatEncoder(given, model=model, how=HOW, seconds=5))
        return MADE[-1]

    def test_vectors_have_the_dimension_of_the_data_and_length_one(self, gigachat, gigachat_stub):
        with paying.by(purse := Purse()):
            vectors = gigachat.encode_passages(TEXTS)

        assert gigachat.dimension == len(vectors[0]) == 1024
        assert all(math.hypot(*vector) == pytest.approx(1) for vector in vectors)
        assert [len(texts) for texts in purse.asked] == [3, 2]
        tokens = gigachat_stub.state.stats()["tokens"]["embedding_tokens"]
        assert sum(bill.tokens for bill in purse.bills) == tokens > 0

    def test_without_a_payer_nothing_is_asked(self, gigachat, gigachat_stub):
        with pytest.raises(EncoderUnavailable, match="nobody pays"):
            gigachat.encode_queries(["кот"])

        assert gigachat_stub.state.stats()["calls"] == {}

    @pytest.mark.parametrize(
        ("fault", "tokens", "said"),
        [
            ("rate_limited", 0, "slow down"),
            ("server_error", 0, "unwell"),
            ("payment_required", 0, "used up"),
            ("cut", None, "not reached"),
            ("not_an_object", None, "unexpected"),
        ],
    )
    def test_a_failure_costs_what_it_may_have_cost(
        self, gigachat, gigachat_stub, fault, tokens, said
    ):
        plan = [{"kind": fault, "endpoint": "embeddings", "retry_after": "9"}]
        gigachat_stub.faults.plan(plan)

        with paying.by(purse := Purse()), pytest.raises(EncoderUnavailable, match=said) as failure:
            gigachat.encode_queries(["кот"])

        assert purse.bills[0].tokens == tokens
        assert failure.value.after == (timedelta(seconds=9) if fault == "rate_limited" else
                                       timedelta(seconds=9) if fault == "server_error" else None)  # fmt: skip

    @pytest.mark.parametrize("tokens", [0, -3, 10**12, 10**30])
    def test_an_impossible_cost_is_an_unknown_one_and_the_vectors_stay(
        self, gigachat, gigachat_stub, tokens
    ):
        usage = {"prompt_tokens": tokens}
        plan = [{"kind": "answer", "endpoint": "embeddings", "usage": usage}]
        gigachat_stub.faults.plan(plan)

        with paying.by(purse := Purse()):
            vectors = gigachat.encode_passages(["кот"])

        assert (len(vectors), purse.bills[0].tokens) == (1, None)

    def test_an_unknown_model_names_its_setting(self, gigachat_stub):
        with paying.by(Purse()), pytest.raises(EncoderUnavailable, match="SEARCH_GIGACHAT_MODEL"):
            self.made(gigachat_stub, model="Embeddings-9").encode_queries(["кот"])

    def test_an_odd_answer_is_paid_and_no_vector(self, gigachat, gigachat_stub):
        item = {
            "object": "embedding",
            "embedding": [0.0] * 9,
            "index": 0,
            "usage": {"prompt_tokens": 4},
        }
        plan = [
            {"kind": "answer", "endpoint": "embeddings", "content": f"[{item}]".replace("'", '"')}
        ]
        gigachat_stub.faults.plan(plan)

        with paying.by(purse := Purse()), pytest.raises(EncoderUnavailable, match="direction"):
            gigachat.encode_queries(["кот"])

        assert purse.bills[0].tokens == 4


class TestAFolder:
    def test_an_absent_folder_is_named(self, tmp_path):
        encoder = FastEmbedEncoder(folder=tmp_path / "gone", pooling="mean", how=HOW)

        with pytest.raises(EncoderUnavailable, match="SEARCH_FASTEMBED_FOLDER"):
            encoder.encode_queries(["кот"])

    def test_an_absent_package_is_named_with_how_to_get_it(self, tmp_path, monkeypatch):
        (tmp_path / "model.onnx").touch()
        monkeypatch.setitem(__import__("sys").modules, "fastembed", None)
        encoder = FastEmbedEncoder(folder=tmp_path, pooling="mean", how=HOW)

        with pytest.raises(EncoderUnavailable, match=r"pip install -r requirements/fastembed\.txt"):
            encoder.encode_queries(["кот"])


TINY = (
    "CAg68wQKLQoFdGFibGUKCWlucHV0X2lkcxIRbGFzdF9oaWRkZW5fc3RhdGUiBkdhdGhlchIBZyrQAwgHCBAQAUIFdGFibGVK"
    "wANsvwA+f0YHvr3yIz/f1dY9oSEJv/0iuT556aY/5nNyP/4nNL9V+aG/6o4fv25FKT1OzRTA7ApgvgN6n7/gdTu/j1QLvxjy"
    "ob49wdI+FHGFP5eeA75G6K4/M0oqvyH5sz7SSWc/hYnAPfhVPr8y9mu/ClvqvtV6YT4rO4G/HzJWvuILI77bdAo/ms9bPmnz"
    "tT5QYSe/cLkEvp6ySD/AKL8/Dymhv0HIwT+lRaw/BgRIP7pmhz5+uqC+bKC6P7/p+j/5m+Y/UlWoP5H6tj4vqpq/+vORu74O"
    "KD8H6aS/cE3KPhgX3D7bLzI/LZGXv1dlKb9xdN++EryVv5uj3j8D6P2+tW6oPp9jhL49r8o/lwGpP2YjIj9OBg3AVRxVPQ8G"
    "Lz/QgYA/KC8ev6s36T/iA6m/51kpv3Bfbz9+7Ug9MycAQC0LQT4CGSK/AVDBvq2qi78Gi6O/pmIhP0jHFD8atKU/2C1Bv6w0"
    "2D97JJO+NobJPxuW3b6iSDy/vcd/PqgGhD/iCyO+23QKP5rPWz5p87U+UGEnv3C5BL6eskg/wCi/Pw8pob9ByME/pUWsPwYE"
    "SD+6Zoc+frqgvmyguj+/6fo/Wh0KCWlucHV0X2lkcxIQCg4IBxIKCgMSAWIKAxIBc1oiCg5hdHRlbnRpb25fbWFzaxIQCg4I"
    "BxIKCgMSAWIKAxIBc2IpChFsYXN0X2hpZGRlbl9zdGF0ZRIUChIIARIOCgMSAWIKAxIBcwoCCBBCBAoAEBE="
)
"""A model of ONNX that looks up 16 numbers for each of seven words; cat and кошка have the same."""
WORDS = ("[PAD]", "[UNK]", "кошка", "спит", "погода", "море", "cat")


@pytest.fixture
def folder(tmp_path):
    """The model as a folder."""
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": None, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordLevel", "vocab": {word: n for n, word in enumerate(WORDS)},
            "unk_token": "[UNK]",
        },
    }  # fmt: skip
    files = {
        "tokenizer.json": tokenizer,
        "config.json": {"pad_token_id": 0},
        "tokenizer_config.json": {"model_max_length": 128, "pad_token": "[PAD]"},
        "special_tokens_map.json": {"pad_token": "[PAD]"},
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "model.onnx").write_bytes(b64decode(TINY))
    return tmp_path


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_folder_is_run_by_fastembed(folder, pooling):
    """Where requirements/fastembed.txt is installed."""
    pytest.importorskip("fastembed", reason="SKIPPED LOUDLY: fastembed is not installed")
    encoder = FastEmbedEncoder(folder=folder, pooling=pooling, how=HOW)

    cat, same, *_ = vectors = encoder.encode_passages(["cat", "кошка", "погода море", "", "спит"])

    assert encoder.dimension == 16
    assert cat == pytest.approx(same)
    assert all(math.hypot(*vector) == pytest.approx(1) for vector in vectors)


class TestWithinItsTime:
    class Hanging(FakeEncoder):
        def encode_queries(self, texts):
            time.sleep(0.5)
            return super().encode_queries(texts)

    def test_an_answer_in_time_is_the_answer(self):
        fake = FakeEncoder()

        assert [query_vector(fake, "кот", seconds=5)] == fake.encode_queries(["кот"])

    def test_of_a_hanging_encoder_one_person_waits_and_no_longer_than_the_limit(self):
        hanging = self.Hanging()
        started = time.monotonic()

        for _ in range(20):
            with pytest.raises(EncoderUnavailable, match=r"within 0\.1 s"):
                query_vector(hanging, "кот", seconds=0.1)

        assert time.monotonic() - started < 0.4

    def test_it_is_asked_again_after_a_rest(self, monkeypatch):
        monkeypatch.setattr("search.embeddings.within.REST", 0.0)
        fake = FakeEncoder(failure="away")
        with pytest.raises(EncoderUnavailable, match="away"):
            query_vector(fake, "кот", seconds=5)
        fake.failure = ""

        assert query_vector(fake, "кот", seconds=5)

    def test_no_more_threads_hang_than_a_few(self, monkeypatch):
        monkeypatch.setattr("search.embeddings.within.REST", 0.0)
        hanging = self.Hanging()
        said = []
        for _ in range(MOST_HANGING + 2):
            with pytest.raises(EncoderUnavailable) as refusal:
                query_vector(hanging, "кот", seconds=0.01)
            said.append(str(refusal.value))

        assert said[-1] == said[-2] == "the encoder hangs"

    def test_a_defect_is_no_absence(self):
        class Broken(FakeEncoder):
            def encode_queries(self, texts):
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            query_vector(Broken(), "кот", seconds=5)


class TestSettings:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"encoder": "openai", "openai_model": "m"}, "SEARCH_OPENAI_URL"),
            ({"encoder": "openai", "openai_url": "http://x"}, "SEARCH_OPENAI_MODEL"),
            ({"encoder": "fastembed"}, "SEARCH_FASTEMBED_FOLDER"),
            ({"encoder": "gpt"}, "encoder"),
        ],
    )
    def test_half_an_encoder_is_refused_and_the_rest_is_named(self, given, said):
        with pytest.raises(ValueError, match=said):
            Search(_env_file=None, **given)

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"encoder": "gigachat"}, "GigaChat is not configured"),
            (
                {"encoder": "openai", "openai_model": "m", "openai_url": "http://a..b/"},
                "SEARCH_OPENAI_URL",
            ),
            ({"encoder": "fastembed", "fastembed_folder": "/nowhere"}, "no model.onnx"),
        ],
    )
    def test_what_cannot_work_is_an_error_of_check(self, given, said):
        found = list(checks.problems(Search(_env_file=None, **given), GigaChat(_env_file=None)))

        assert any(said in text for text, _ in found)

    def test_the_default_is_fine(self):
        assert not list(checks.problems(Search(_env_file=None), GigaChat(_env_file=None)))


def test_a_vector_is_a_direction_however_long():
    assert unit([3, 4]) == [0.6, 0.8]
    assert unit([3e-300, 4e-300]) == pytest.approx([0.6, 0.8])


def test_an_answer_without_indexes_is_in_the_order_of_the_texts():
    data = [{"embedding": [1, 0]}, {"embedding": [0, 1]}]

    assert vectors_of(data, texts=2) == [[1, 0], [0, 1]]
