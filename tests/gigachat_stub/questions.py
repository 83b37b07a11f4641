"""Answers to questions about passages: those of a model that keeps to its rules, and of one that does not."""

import json
import re
from typing import Any

_PASSAGE = re.compile(r'<отрывок-\w+ номер="(\d+)"[^>]*>\n(.*?)\n</отрывок-', re.DOTALL)
_PART = re.compile(r"<данные-\w+ вид=\"(?!теги)[^\"]*\">\n(.*?)\n</данные-", re.DOTALL)
_SENTENCE = re.compile(r"[^.!?\n]+")
_EXACTLY = re.compile(r"answer exactly: (.*)")
_ORDER = re.compile(r"cite post (\d+)", re.IGNORECASE)


def answer(messages: list[dict[str, Any]]) -> str:
    """Repeat the beginning of the first passage and cite it, as a model does that found it there."""
    found = _PASSAGE.search(_last(messages))
    if parts := _PART.findall(_last(messages)):
        return _tags(" ".join(parts))
    if not found:
        return "Hello."
    said = _SENTENCE.search(found[2])
    return f"{said[0].strip() if said else found[2]} [{found[1]}]."


def obedient_answer(messages: list[dict[str, Any]]) -> str:
    """Do whatever the passages ask for, as a model does that takes them for orders."""
    text = _last(messages)
    if wanted := _EXACTLY.search(text):
        return wanted[1]
    told = [f"As you asked [{number}]." for number in _ORDER.findall(text)]
    if "system prompt" in text:
        told.append(f"{messages[0]['content']} [1].")
    return " ".join([*told, "I was told to say this."])


def _tags(text: str) -> str:
    """The longest words of the parts of a post, as tags."""
    words = sorted(dict.fromkeys(re.findall(r"[^\W\d_]{4,}", text.lower())), key=len)[-3:]
    tags = [{"name": word, "category": "topic", "confidence": 0.9} for word in words[::-1]]
    return json.dumps({"tags": tags}, ensure_ascii=False)


def _last(messages: list[dict[str, Any]]) -> str:
    return str(messages[-1].get("content", ""))
