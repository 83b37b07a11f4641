"""
Loads the policy in force: the policy file as it is now, merged with the tenant's override.

An edit of the file takes effect with the next post. If an edit breaks the file, workers go on with
the last good policy, and each process logs the error once. A process that starts with a broken
file has no policy to fall back on: the system check stops it.
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
from vision.policy.words import told

OVERRIDE = "vision_policy"
"""The key of `Tenant.settings` whose value is merged over the file."""

logger = logging.getLogger(__name__)
_guard = Lock()
_last_good: dict[Path, dict[str, Any]] = {}
_logged: dict[Path, int] = {}


def current_policy(tenant: Tenant | None = None) -> VisionPolicy:
    """Return the policy; raise PolicyRefused where the file or the override cannot be used."""
    path = settings.VISION.vision_policy_config_path
    override = tenant.settings.get(OVERRIDE) if tenant else None
    return _merged(path, json.dumps(_content(path), sort_keys=True), json.dumps(override))


def problems_of_override(override: Any) -> list[str]:
    """List, in the reader's language, why `override` cannot be merged over the file's policy; empty where it can."""
    try:
        path = settings.VISION.vision_policy_config_path
        parse_policy(_merge(_content(path), override), path)
    except PolicyRefused as refusal:
        return [told(problem) for problem in refusal.problems]
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
            if _logged.get(path) != changed_ns:  # once per process and edit, not once per post
                _logged[path] = changed_ns
                logger.error("The last good policy stays in force: %s", refusal)  # noqa: TRY400 - a mistake in the file, so no traceback
            return _last_good[path]
    with _guard:
        _last_good[path] = content
    return content


@lru_cache(maxsize=4)
def _content_at(path: Path, _changed_ns: int) -> dict[str, Any]:
    """Read and validate the file; `_changed_ns` is part of the cache's key only."""
    content: dict[str, Any] = read_policy(path)
    parse_policy(content, path)
    return content


@lru_cache(maxsize=256)
def _merged(path: Path, content: str, override: str) -> VisionPolicy:
    """Cached by the text of both, so an edit needs no invalidation: it is another key."""
    return parse_policy(_merge(json.loads(content), json.loads(override)), path)


def _merge(content: dict[str, Any], override: Any) -> Any:
    """Merge sections key by key; lists and values of the override replace those of the file."""
    if override is None:
        return content
    if not isinstance(override, dict):
        return override
    merged = dict(content)
    for key, value in override.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) else value
    return merged
