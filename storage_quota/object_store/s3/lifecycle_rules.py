"""Lifecycle rules in the format of S3: ours are recognized by their ids, others are kept."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from storage_quota.object_store.port import LifecycleRule

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import LifecycleRuleOutputTypeDef, LifecycleRuleTypeDef

OURS = "telegram-assistant:"
"""Beginning of the ids of our rules; the prefix of the keys follows."""


def read(rules: "Iterable[LifecycleRuleOutputTypeDef]") -> list[LifecycleRule]:
    """Read the rules in force; conditions other than the prefix (tags, size) are ignored."""
    return [
        LifecycleRule(
            prefix=_prefix(rule),
            expire_days=rule.get("Expiration", {}).get("Days"),
            abort_uploads_days=rule.get("AbortIncompleteMultipartUpload", {}).get(
                "DaysAfterInitiation"
            ),
            expire_old_days=rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
        )
        for rule in rules
        if rule["Status"] == "Enabled"
    ]


def merged(
    found: "Iterable[LifecycleRuleOutputTypeDef]", wanted: Sequence[LifecycleRule]
) -> "list[LifecycleRuleOutputTypeDef | LifecycleRuleTypeDef]":
    """Build the whole configuration, since S3 cannot change a single rule."""
    others = [rule for rule in found if not rule.get("ID", "").startswith(OURS)]
    return [*others, *map(_written, wanted)]


def _prefix(rule: "LifecycleRuleOutputTypeDef") -> str:
    """Read the prefix from the old form, a plain filter, or a filter of several conditions."""
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
    if rule.expire_old_days is not None:
        written["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule.expire_old_days}
        if rule.expire_days is None:  # a rule with days takes such markers away by itself
            written["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if rule.abort_uploads_days is not None:
        written["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": rule.abort_uploads_days}
    return written
