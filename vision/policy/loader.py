"""
Where the policy in force comes from: the file as it is now, with what a tenant overrides.

An edit counts from the next post on. A file that was broken by an edit stops no worker: the last
good policy stays in force, and every process says so once. A process that starts with a broken
file has no policy: the system check refuses it.
"""

import json
import logging
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from django.conf import settings

from accounts.models import Tenant
from vision.policy.schema import PolicyRefused, VisionPolicy, parse_policy, read_policy

OVERRIDE = "vision_policy"
"""The key of `Tenant.settings` whose value is merged over the file."""

logger = logging.getLogger(__name__)
_guard = Lock()
_last_good: dict[Path, dict[str, Any]] = {}
_complained: dict[Path, int] = {}


def current_policy(tenant: Tenant | None = None) -> VisionPolicy:
    """Raises PolicyRefused where the file, or what the tenant overrides, cannot be used."""
    path = settings.VISION.vision_policy_config_path
    override = tenant.settings.get(OVERRIDE) if tenant else None
    return _merged(path, json.dumps(_content(path), sort_keys=True), json.dumps(override))


def problems_of_override(override: Any) -> list[str]:
    """Why this cannot be merged over the file's policy."""
    try:
        path = settings.VISION.vision_policy_config_path
        parse_policy(_merge(_content(path), override), path)
    except PolicyRefused as refusal:
        return refusal.problems
    return []


def _content(path: Path) -> dict[str, Any]:
    content: dict[str, Any]
    changed_ns = path.stat().st_mtime_ns if path.exists() else 0
    try:
        content = _content_at(path, changed_ns)
    except PolicyRefused as refusal:
        with _guard:
            if path not in _last_good:
                raise
            if _complained.get(path) != changed_ns:
                _complained[path] = changed_ns
                logger.error("The last good policy stays in force: %s", refusal)  # noqa: TRY400 - an operator's slip, not a bug of ours
            return _last_good[path]
    with _guard:
        _last_good[path] = content
    return content


@lru_cache(maxsize=4)
def _content_at(path: Path, _changed_ns: int) -> dict[str, Any]:
    content: dict[str, Any] = read_policy(path)
    parse_policy(content, path)
    return content


@lru_cache(maxsize=256)
def _merged(path: Path, content: str, override: str) -> VisionPolicy:
    """Keyed by the text of both, so nothing needs to be told of a change."""
    return parse_policy(_merge(json.loads(content), json.loads(override)), path)


def _merge(content: dict[str, Any], override: Any) -> Any:
    """Sections are merged key by key; lists and values are replaced."""
    if override is None:
        return content
    if not isinstance(override, dict):
        return override
    merged = dict(content)
    for key, value in override.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) else value
    return merged
