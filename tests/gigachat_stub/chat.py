"""POST /chat/completions: checks the request and makes the answer."""

import json
import time
from typing import Any

from tests.gigachat_stub import answers, questions
from tests.gigachat_stub.faults import Fault
from tests.gigachat_stub.replies import Refused, Reply
from tests.gigachat_stub.state import State, StoredFile

VERSION = "2.0.30.01"
CHAT_MODELS = (
    "GigaChat", "GigaChat-2", "GigaChat-2-Max", "GigaChat-2-Max-preview", "GigaChat-2-Pro",
    "GigaChat-2-Pro-preview", "GigaChat-2-preview", "GigaChat-Max", "GigaChat-Max-preview",
    "GigaChat-Plus", "GigaChat-Pro", "GigaChat-Pro-preview", "GigaChat-preview", "GigaChat-3-Ultra",
)  # fmt: skip
MODELS = (
    *((name, "chat") for name in CHAT_MODELS), ("GigaFilter", "filter"),
    ("GigaCheckDetection", "aicheck"), ("Embeddings", "embedder"), ("Embeddings-2", "embedder"),
)  # fmt: skip
ROLES = {"system", "user", "assistant", "function"}
MAX_IMAGES = 10


def models() -> list[dict[str, str]]:
    return [
        {"id": name, "object": "model", "owned_by": "salutedevices", "type": kind}
        for name, kind in MODELS
    ]


def check(state: State, body: bytes, *, client: str | None) -> dict[str, Any]:
    """Validate the request and add its `files`. Raises Refused."""
    request = _parsed(body)
    if request.get("model") not in CHAT_MODELS:
        raise Refused(404, "No such model")
    messages = request["messages"]
    _check_roles(messages)
    _check_numbers(request)
    request["files"] = _attached(state, messages, client=client)
    return request


def answer(state: State, request: dict[str, Any], fault: Fault | None) -> Reply:
    digests = [file.sha256 for file in request["files"]]
    content, finish = _content(request, digests, fault)
    content, finish = _limited(content, finish, request.get("max_tokens"))
    usage = _usage(request, digests, content)
    if fault and fault.usage:
        usage |= fault.usage
    state.count_answer(digests, usage)
    if not digests:
        state.keep_question(request)
    message = {"content": content, "role": "assistant"}
    choices = [{"message": message, "index": 0, "finish_reason": finish}]
    return Reply(200, {
        "choices": [] if fault and fault.kind == "no_choices" else choices,
        "created": int(time.time()),
        "model": f"{request['model']}:{VERSION}",
        "object": "chat.completion",
        "usage": usage,
    })  # fmt: skip


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
        well_formed = isinstance(request["messages"], list) and all(
            isinstance(m, dict) and m.get("role") in ROLES for m in request["messages"]
        )
    except (ValueError, KeyError, TypeError):
        well_formed = False
    if not well_formed or not request["messages"]:
        raise Refused(400, "Your request contains invalid JSON syntax.")
    return request


def _check_roles(messages: list[dict[str, Any]]) -> None:
    if any(m["role"] == "system" for m in messages[1:]):
        raise Refused(422, "Invalid params: system message must be the first message")


def _check_numbers(request: dict[str, Any]) -> None:
    for name in ("temperature", "max_tokens", "repetition_penalty"):
        value = request.get(name)
        if value is not None and not (isinstance(value, int | float) and value > 0):
            raise Refused(422, f"Invalid params: {name} must be in range (0, +inf)")


def _attached(
    state: State, messages: list[dict[str, Any]], *, client: str | None
) -> list[StoredFile]:
    """Find the attached files. Only the status 403 is documented, the others are our assumption."""
    files: list[StoredFile] = []
    for message in messages:
        ids = message.get("attachments") or []
        if ids and message["role"] != "user":
            raise Refused(422, "Invalid params: attachments belong to user messages")
        found = [_file(state, file_id, client=client) for file_id in ids]
        if sum(file.modality == "image" for file in found) > 1:
            raise Refused(422, "Invalid params: only one image per message")
        files += found
    if len(files) > MAX_IMAGES:
        raise Refused(422, f"Invalid params: at most {MAX_IMAGES} images per request")
    return files


def _file(state: State, file_id: str, *, client: str | None) -> StoredFile:
    file = state.file(file_id)
    if file is None:
        raise Refused(404, "No such file")
    if file.client != client:
        raise Refused(403, f"Access to file '{file_id}' is denied")
    return file


def _content(request: dict[str, Any], digests: list[str], fault: Fault | None) -> tuple[str, str]:
    """Return the content and finish_reason."""
    digest = digests[0] if digests else "00" * 32
    usual = answers.as_json(digest) if digests else questions.answer(request["messages"])
    phrases = answers.CANNOT_SEE
    by_fault = {
        "blacklist": (answers.REFUSAL, "blacklist"),
        "length": (usual[: len(usual) * 2 // 3], "length"),
        "error": ("", "error"),
        "not_json": (answers.NOT_JSON, "stop"),
        "fenced": (f"Вот описание:\n```json\n{usual}\n```\nОбращайтесь!", "stop"),
        "cannot_see": (phrases[int(digest[:2], 16) % len(phrases)], "stop"),
        "empty": ("", "stop"),
        "obedient": (questions.obedient_answer(request["messages"]), "stop"),
    }
    if fault and fault.kind == "answer":
        return (usual if fault.content is None else fault.content), fault.finish_reason
    return by_fault.get(fault.kind if fault else "", (usual, "stop"))


def _limited(content: str, finish: str, max_tokens: int | None) -> tuple[str, str]:
    if max_tokens is None or answers.tokens_of_text(content) <= max_tokens:
        return content, finish
    return content[: max_tokens * 3], "length"


def _usage(request: dict[str, Any], digests: list[str], content: str) -> dict[str, int]:
    """Count as in recorded answers: the total includes the cached part of the prompt."""
    texts = sum(answers.tokens_of_text(str(m.get("content", ""))) for m in request["messages"])
    prompt = texts + sum(answers.tokens_of_picture(digest) for digest in digests)
    completion = answers.tokens_of_text(content)
    cached = texts // 2 if digests and answers.is_precached(digests[0]) else 0
    return {
        "prompt_tokens": prompt, "completion_tokens": completion,
        "total_tokens": prompt + completion, "precached_prompt_tokens": cached,
    }  # fmt: skip
