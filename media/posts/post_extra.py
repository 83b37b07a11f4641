"""The other content of a post (`Post.extra`) as fields that are merged one by one."""

import json
from collections.abc import Mapping
from typing import Any

from media.posts.content import FORMATTING
from media.posts.statements import Value

ZONE = "zone"
"""Belongs to the time of the post, and is merged with it; so does formatting to its text."""
_APART = (ZONE, FORMATTING)
_OPEN = ("poll", "media")
"""What is merged key by key; anything else is replaced as a whole."""
_OTHER_VOTES = "other_votes"
"""Votes, by text, for answers that the poll does not have according to its newest source."""
_ANSWERS, _VOTERS = '["poll", "answers"]', '["poll", "voters"]'


def fields_of(extra: Mapping[str, Any]) -> dict[str, Value]:
    """The fields by the JSON of their path."""
    found: dict[str, Value] = {}
    for key, value in extra.items():
        if key in _OPEN and isinstance(value, dict):
            inner = _split_votes(value) if key == "poll" else value
            found |= {json.dumps([key, name]): (item,) for name, item in inner.items()}
        elif key not in _APART:
            found[json.dumps([key])] = (value,)
    return found


def extra_of(fields: Mapping[str, Value]) -> dict[str, Any]:
    """Put the fields together again; names that are no paths are left out."""
    extra: dict[str, Any] = {}
    for name, value in fields.items():
        if not name.startswith("["):
            continue
        path = json.loads(name)
        if len(path) == 1:
            extra[path[0]] = value[0]
        elif name != _VOTERS:
            extra.setdefault(path[0], {})[path[1]] = value[0]
    if _ANSWERS in fields:
        votes = fields.get(_VOTERS, ({},))[0]
        extra["poll"] |= _join_votes(fields[_ANSWERS][0], votes)
    return extra


def _split_votes(poll: Mapping[str, Any]) -> dict[str, Any]:
    """
    Tell the votes from the answers: who exports a poll without having voted sees only these.

    Votes belong to the text of their answer, since answers may be added later.
    """
    answers = [a for a in poll.get("answers") or [] if isinstance(a, dict)]
    votes = {_text(a): a["voters"] for a in answers if a.get("voters") is not None}
    plain = [{name: item for name, item in a.items() if name != "voters"} for a in answers]
    rest = {name: item for name, item in poll.items() if name != _OTHER_VOTES}
    return {**rest, "answers": plain, "voters": poll.get(_OTHER_VOTES, {}) | votes}


def _join_votes(answers: list[dict[str, Any]], votes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Put the votes to their answers.

    Those that belong to no answer are kept: without them the next merge would weigh less than
    what the source said, and the result would depend on the order of the imports.
    """
    texts = {_text(a) for a in answers}
    others = {text: count for text, count in votes.items() if text not in texts}
    joined = [{**a, "voters": votes.get(_text(a))} for a in answers]
    return {"answers": joined} | ({_OTHER_VOTES: others} if others else {})


def _text(answer: Mapping[str, Any]) -> str:
    return str(answer.get("text", ""))
