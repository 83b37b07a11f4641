"""POST /embeddings: vectors of 1 024 numbers that are not of unit length, with the usage of each."""

import json
from typing import Any

from search.embeddings.fake import FakeEncoder
from tests.gigachat_stub.answers import tokens_of_text
from tests.gigachat_stub.chat import MODELS
from tests.gigachat_stub.faults import Fault
from tests.gigachat_stub.replies import Refused, Reply
from tests.gigachat_stub.state import State

DIMENSION = 1024
LENGTH = 17.5
_vectors = FakeEncoder(dimension=DIMENSION)


def answer(state: State, body: bytes, fault: Fault | None) -> Reply:
    """`fault.content`: JSON of the answer's data; `fault.usage`: of each text."""
    try:
        request = json.loads(body)
        texts = request["input"]
    except (ValueError, KeyError, TypeError):
        raise Refused(400, "Your request contains invalid JSON syntax.") from None
    if (request.get("model"), "embedder") not in MODELS:
        raise Refused(404, "No such model")
    data = [_item(text, index, fault) for index, text in enumerate(texts)]
    tokens = sum(item["usage"]["prompt_tokens"] for item in data)
    state.count_answer([], {"embeddings": len(texts), "embedding_tokens": tokens})
    if fault and fault.content:
        data = json.loads(fault.content)
    return Reply(200, {"object": "list", "data": data, "model": request["model"]})


def _item(text: str, index: int, fault: Fault | None) -> dict[str, Any]:
    [vector] = _vectors.encode_queries([text])
    usage = {"prompt_tokens": tokens_of_text(text)} | (fault.usage if fault else {})
    return {
        "object": "embedding",
        "embedding": [number * LENGTH for number in vector],
        "index": index,
        "usage": usage,
    }
