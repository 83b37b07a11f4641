"""Write the channel as Telegram Desktop would: `result.json`, with its keys in their order."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from tools.sample_channel import markup
from tools.sample_channel.attachments import Attachments
from tools.sample_channel.posts import CHANNEL, CHANNEL_ID, ZONE, Post

Message = dict[str, Any]

SENDER = f"channel{CHANNEL_ID}"


def write(folder: Path, posts: list[Post]) -> dict[str, Any]:
    """Write the media and result.json into `folder`; returns what result.json says."""
    attachments = Attachments(folder)
    messages = [_message(post, attachments) for post in posts]
    attachments.write_custom_emoji()
    root = {
        "name": CHANNEL,
        "type": "public_channel",
        "id": CHANNEL_ID,
        "messages": messages,
    }
    dump(folder / "result.json", root)
    return root


def dump(path: Path, value: Any) -> None:
    """One space per level, letters as they are, no last newline: as Telegram Desktop does."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    path.write_text(text, encoding="utf-8", newline="\n")


def _message(post: Post, attachments: Attachments) -> Message:
    parts = markup.entities(post.text)
    message: Message = {
        "id": post.id,
        "type": "service" if post.is_service else "message",
        **_moment("date", post.at),
        **(_moment("edited", post.edited) if post.edited else {}),
        **(_service(post) if post.is_service else _origin(post)),
        **attachments.write(post),
        **_poll(post),
        "text": markup.text_of(parts),
        "text_entities": parts,
    }
    return message | _reactions(post)


def _moment(key: str, at: datetime) -> Message:
    seconds = int(at.replace(tzinfo=ZONE).timestamp())
    unix = "date_unixtime" if key == "date" else f"{key}_unixtime"
    return {key: at.isoformat(), unix: str(seconds)}


def _service(post: Post) -> Message:
    extras: dict[str, Message] = {
        "create_channel": {"title": CHANNEL},
        "pin_message": {"message_id": post.pinned},
    }
    actor: Message = {"actor": CHANNEL, "actor_id": SENDER, "action": post.action}
    return actor | extras.get(post.action, {})


def _origin(post: Post) -> Message:
    keys: Message = {"from": CHANNEL, "from_id": SENDER}
    if post.forwarded_from:
        keys["forwarded_from"] = post.forwarded_from
        keys["forwarded_from_id"] = post.forwarded_from_id
    if post.reply_to:
        keys["reply_to_message_id"] = post.reply_to
    return keys


def _poll(post: Post) -> Message:
    if post.poll is None:
        return {}
    answers = [
        {"text": text, "voters": voters, "chosen": False}
        for text, voters in post.poll["answers"].items()
    ]
    return {
        "poll": {
            "question": post.poll["question"],
            "closed": post.poll["closed"],
            "total_voters": post.poll["voters"],
            "answers": answers,
        }
    }


def _reactions(post: Post) -> Message:
    counted = [
        {"type": "emoji", "count": count, "emoji": emoji} for emoji, count in post.reactions.items()
    ]
    return {"reactions": counted} if counted else {}
