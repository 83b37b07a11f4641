"""Answers of the graph in the form in which all of its doors show them."""

from typing import Any
from uuid import UUID

from graph.facts import POST, Ref
from graph.queries.paths import Step, find_path, names_of
from graph.queries.spread import WAYS, Spread


def spread_as_dict(found: Spread) -> dict[str, Any]:
    posts = [
        {
            "key": one.key,
            "channel_id": one.channel_id,
            "channel": one.channel,
            "posted_at": one.posted_at,
            "url": one.url,
            "archived": one.archived,
            "deleted_at": one.deleted_at,
            "ways": sorted(one.ways, key=WAYS.index),
            "after_seconds": one.after_seconds,
        }
        for one in found.posts
    ]
    hops = [
        {"source": one.source, "target": one.target, "ways": list(one.ways), "seconds": one.seconds}
        for one in found.hops
    ]
    return {
        "post_id": found.post_id,
        "first": next((one for one in posts if one["posted_at"]), None),
        "seconds": found.seconds,
        "truncated": found.truncated,
        "posts": posts,
        "hops": hops,
    }


def path_as_dict(first: UUID, second: UUID) -> dict[str, Any]:
    steps = find_path(first, second)
    names = names_of({Ref(POST, str(first)), *(step.end for step in steps or [])})
    return {
        "found": steps is not None,
        "start": names.get(Ref(POST, str(first)), ""),
        "steps": [_step(step, names) for step in steps or []],
    }


def _step(step: Step, names: dict[Ref, str]) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "forward": step.forward,
        "label": step.end.label,
        "key": step.end.key,
        "name": names.get(step.end, "")[:200],
    }
