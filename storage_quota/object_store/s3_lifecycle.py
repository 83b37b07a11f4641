"""Lifecycle rules as S3 writes them: ours are known by their ids, those of others are kept."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from storage_quota.object_store.port import LifecycleRule

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import LifecycleRuleOutputTypeDef, LifecycleRuleTypeDef

OURS = "telegram-assistant:"
"""How the ids of our rules begin; the prefix of the keys follows."""


def read(rules: "Iterable[LifecycleRuleOutputTypeDef]") -> list[LifecycleRule]:
    """The rules in force. One that asks for more than a prefix (tags, size) counts as if not."""
    return [
        LifecycleRule(
            prefix=_prefix(rule),
            expire_days=rule.get("Expiration", {}).get("Days"),
            abort_uploads_days=rule.get("AbortIncompleteMultipartUpload", {}).get(
                "DaysAfterInitiation"
            ),
        )
        for rule in rules
        if rule["Status"] == "Enabled"
    ]


def merged(
    found: "Iterable[LifecycleRuleOutputTypeDef]", wanted: Sequence[LifecycleRule]
) -> "list[LifecycleRuleOutputTypeDef | LifecycleRuleTypeDef]":
    """The whole configuration: S3 knows no changing of one rule."""
    others = [rule for rule in found if not rule.get("ID", "").startswith(OURS)]
    return [*others, *map(_written, wanted)]


def _prefix(rule: "LifecycleRuleOutputTypeDef") -> str:
    """In one of three places: the old form, a plain filter, a filter of several conditions."""
    filter_ = rule.get("Filter", {})
    both = filter_.get("And", {})
    return rule.get("Prefix") or filter_.get("Prefix") or both.get("Prefix") or ""


def _written(rule: LifecycleRule) -> "LifecycleRuleTypeDef":
    written: LifecycleRuleTypeDef = {
        "ID": OURS + (rule.prefix or "all"),
        "Status": "Enabled",
        "Filter": {"Prefix": rule.prefix},
    }
    if rule.expire_days is not None:
        written["Expiration"] = {"Days": rule.expire_days}
    if rule.abort_uploads_days is not None:
        written["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": rule.abort_uploads_days}
    return written
