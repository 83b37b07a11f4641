"""The expected result of an import of the sample: the contents of expected.json."""

from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

from tools.sample_channel import pictures
from tools.sample_channel.posts import FULL_SIZE, QUALITY, Post, albums

LOOKALIKES = [("timetable_weekday", "timetable_weekend")]


def build(folder: Path, posts: list[Post], root: dict[str, Any]) -> dict[str, Any]:
    """
    Ground truth, from the plan of the channel rather than from its export; only the names
    of the files are looked up in `root`. Kinds are counted where the file is in the export;
    a message whose file is missing counts as a placeholder and as nothing else.
    """
    paths = {message["id"]: _path(message) for message in root["messages"] if _path(message)}
    return {
        "channel": {key: root[key] for key in ("name", "type", "id")},
        "counts": _counts(posts) | _stored(folder, set(paths.values())),
        "albums": [_album(group) for group in albums(posts)],
        "exact_duplicates": _exact(posts),
        "reencoded_duplicates": [
            [original.id, post.id] for original, post in _repeats(posts) if _is_recoded(post)
        ],
        "lookalikes": [[_first(posts, one).id, _first(posts, two).id] for one, two in LOOKALIKES],
        "placeholders": [post.id for post in posts if post.video_absent],
        "texts": [_text(post, posts, paths[post.id]) for post in posts if _lines(post, posts)],
    }


def _path(message: dict[str, Any]) -> str:
    path: str = message.get("photo") or message.get("file") or ""
    return "" if path.startswith("(") else path


def _counts(posts: list[Post]) -> dict[str, int]:
    kinds = Counter(post.kind for post in posts if not post.is_service)
    ordinary = [post for post in posts if not post.is_service]
    glued = sum(len(group) - 1 for group in albums(posts))
    return {
        "messages": len(posts),
        "service_messages": len(posts) - len(ordinary),
        "posts": len(ordinary) - glued,
        "albums": len(albums(posts)),
        "photos": kinds["photo"],
        "service_photos": sum(post.is_service and post.kind == "photo" for post in posts),
        "videos": kinds["video"],
        "animations": kinds["animation"],
        "stickers": kinds["sticker"],
        "documents": kinds["document"],
        "placeholders": sum(post.video_absent is not None for post in posts),
        "polls": sum(post.poll is not None for post in posts),
    }


def _stored(folder: Path, paths: set[str]) -> dict[str, int]:
    """Files and different contents, thumbnails and custom emoji aside."""
    digests = {sha256((folder / path).read_bytes()).hexdigest() for path in paths}
    return {"distinct_paths": len(paths), "distinct_contents": len(digests)}


def _album(group: list[Post]) -> dict[str, Any]:
    return {
        "message_ids": [post.id for post in group],
        "kinds": [post.kind for post in group],
        "caption_message_id": next(post.id for post in group if post.text),
    }


def _exact(posts: list[Post]) -> list[dict[str, Any]]:
    return [
        {"message_ids": [original.id, post.id], "same_path": bool(post.photo_of)}
        for original, post in _repeats(posts)
        if not _is_recoded(post)
    ]


def _repeats(posts: list[Post]) -> list[tuple[Post, Post]]:
    """Each later message with a picture, after the first message that had it."""
    pairs = []
    for post in posts:
        original = _first(posts, _name(post, posts)) if _name(post, posts) else post
        if original is not post:
            pairs.append((original, post))
    return pairs


def _first(posts: list[Post], name: str) -> Post:
    return next(post for post in posts if _name(post, posts) == name)


def _name(post: Post, posts: list[Post]) -> str:
    shown = next(other for other in posts if other.id == (post.photo_of or post.id))
    return shown.photo or shown.image_document


def _is_recoded(post: Post) -> bool:
    return (post.quality, post.scale) != (QUALITY, FULL_SIZE)


def _lines(post: Post, posts: list[Post]) -> tuple[str, ...]:
    name = _name(post, posts)
    return pictures.draw(name).lines if name else ()


def _text(post: Post, posts: list[Post], path: str) -> dict[str, Any]:
    name = _name(post, posts)
    return {
        "message_id": post.id,
        "path": path,
        "picture": name,
        "lines": list(_lines(post, posts)),
    }
