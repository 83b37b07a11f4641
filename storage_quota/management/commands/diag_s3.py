import itertools
import json
import sys
from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import Action
from accounts.tenants import TenantUnknown, find_tenant
from events.management.numbers import count
from events.management.tables import facts, table
from events.sentences import gettext_noop, retold
from storage_quota.management.sizes import gib, mib, percent
from storage_quota.management.storage_command import StorageCommand
from storage_quota.models import BucketState, Reservation, StoredObject
from storage_quota.object_store import ObjectInfo, get_store, survey, warnings
from storage_quota.object_store.factory import where
from storage_quota.object_store.port import check_key
from storage_quota.selectors import StorageUsage, bucket_usage, tenant_usage
from storage_quota.tenant_settings import ceilings

YELLOW, RED = 75, 90
"""Percent of a limit from which its status changes (CONTRACT §15)."""
CODES = "exit codes: 0 done; 1 no such tenant or object; 2 the store does not answer"


class Command(StorageCommand):
    needs = Action.VIEW
    exit_codes: ClassVar = {TenantUnknown: 1}
    help = f"Show what the bucket holds, by the ledger and by the store itself. {CODES}."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        quota = _parser(commands, "quota", "usage and limits of the bucket and of a tenant")
        quota.add_argument("--tenant-id", metavar="ID_OR_NAME", help="default: the default tenant")
        _parser(commands, "usage", "objects and bytes of each type")
        listing = _parser(commands, "list", "objects as the store lists them")
        listing.add_argument("--prefix", default="", help="only keys that begin with this")
        listing.add_argument(
            "--limit", type=count(1_000_000), default=20, help="at most this many (20)"
        )
        check = _parser(
            commands, "check-key", "one object: what the store and the ledger say about it"
        )
        check.add_argument("key", metavar="KEY")
        _parser(commands, "server", "look at the bucket's server anew: what it lacks, old versions")

    def work(self, **options: Any) -> None:
        name = options["command"].replace("-", "_")
        report, lines = getattr(self, f"_{name}")(options)
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        else:
            for line in lines:
                self.stdout.write(line)
        if report.get("found") is False:
            sys.exit(1)

    def _quota(self, options: dict[str, Any]) -> tuple[dict[str, Any], Iterable[str]]:
        tenant = find_tenant(options["tenant_id"])
        bucket, own = bucket_usage(), tenant_usage(tenant_id=tenant.pk)
        limits = settings.LIMITS
        own_limit = ceilings(tenant, "media").tenant
        report = {
            "bucket": _against(bucket.taken_bytes, limits.total_bytes),
            "emergency_threshold_bytes": limits.emergency_bytes,
            "reserved_bytes": bucket.reserved_bytes,
            "orphaned_bytes": bucket.orphaned_bytes,
            "unlisted_bytes": bucket.unlisted_bytes,
            "warnings": _warnings(),
            "tenant": {"id": str(tenant.pk), "name": tenant.name}
            | _against(own.taken_bytes, own_limit),
            "by_type": {
                kind: _against(used.total_bytes, limits.by_type[kind])
                | {"tenant_bytes": own.by_type[kind].total_bytes}
                for kind, used in bucket.by_type.items()
            },
        }
        return report, _quota_lines(report)

    def _usage(self, options: dict[str, Any]) -> tuple[dict[str, Any], Iterable[str]]:
        usage = bucket_usage()
        report = {
            "total_bytes": usage.total_bytes,
            "objects": sum(used.objects_count for used in usage.by_type.values()),
            "reserved_bytes": usage.reserved_bytes,
            "orphaned_bytes": usage.orphaned_bytes,
            "unlisted_bytes": usage.unlisted_bytes,
            "warnings": _warnings(),
            "by_type": {
                kind: {"objects": used.objects_count, "bytes": used.total_bytes}
                for kind, used in usage.by_type.items()
            },
        }
        return report, _usage_lines(usage)

    def _list(self, options: dict[str, Any]) -> tuple[dict[str, Any], Iterable[str]]:
        listed = get_store().list(options["prefix"])
        found = list(itertools.islice(listed, options["limit"] + 1))
        shown, more = found[: options["limit"]], len(found) > options["limit"]
        rows = [(info.key, mib(info.size_bytes), _time(info)) for info in shown]
        lines = [*table((_("Key"), _("Size (MB)"), _("Last Modified")), rows)]
        if more:
            lines.append(
                _("… and more; --limit %(limit)s shows them.") % {"limit": options["limit"] * 10}
            )
        if not shown:
            lines = [_("No object's key starts with %(prefix)r.") % {"prefix": options["prefix"]}]
        return {"objects": [_as_json(info) for info in shown], "more": more}, lines

    def _check_key(self, options: dict[str, Any]) -> tuple[dict[str, Any], Iterable[str]]:
        try:
            key = check_key(options["key"])
            info = get_store().head(key)
        except ValueError as exc:
            raise CommandError(str(exc)) from exc
        entry = StoredObject.objects.filter(key=key).first()
        reserved = Reservation.objects.filter(key=key).count()
        report = {
            "key": key,
            "found": info is not None,
            "object": info and _as_json(info),
            "books": entry
            and {
                "size_bytes": entry.size_bytes,
                "sha256": entry.sha256,
                "tenant": str(entry.tenant_id),
                "created_at": entry.created_at.isoformat(),
                "damaged_at": entry.damaged_at and entry.damaged_at.isoformat(),
            },
            "promises": reserved,
        }
        return report, _key_lines(key, info, entry, reserved)

    def _server(self, options: dict[str, Any]) -> tuple[dict[str, Any], Iterable[str]]:
        found = survey.take(get_store(), where(), now=timezone.now())
        report = {
            "place": found.place,
            "surveyed_at": found.surveyed_at.isoformat(),
            "lacks": found.lacks,
            "versioning": found.versioning,
            "old_versions_expire": found.expires_old,
            "old_versions": found.old_count,
            "old_versions_bytes": found.old_bytes,
            "unfinished_uploads": found.uploads_count,
            "unreserved_upload_bytes": found.upload_bytes,
            "warnings": warnings.of(found),
        }
        return report, _server_lines(found)


def _told(found: Iterable[str]) -> Iterable[str]:
    """The warnings, which are kept in English, in the reader's language."""
    yield from (_("Warning: %(text)s") % {"text": retold(text, _)} for text in found)


def _warnings() -> list[str]:
    """What the last survey found; nothing is asked of the store."""
    known = survey.state()
    return warnings.of(known) if known else []


def _server_lines(found: BucketState) -> Iterable[str]:
    yield from facts(
        {
            _("Bucket"): found.place,
            _("Versioning"): found.versioning or _("off"),
            _("Old versions"): f"{found.old_count}, {mib(found.old_bytes)} MB",
            _("Unfinished uploads"): found.uploads_count,
            _("Not reserved of them"): f"{mib(found.upload_bytes)} MB",
            _("Operations missing"): warnings.lacking(found) or _("none"),
        }
    )
    yield from _told(warnings.of(found))


def _quota_lines(report: dict[str, Any]) -> Iterable[str]:
    bucket, own = report["bucket"], report["tenant"]
    yield from facts(
        {
            _("Total Usage"): f"{gib(bucket['used_bytes'])} / {gib(bucket['limit_bytes'])}",
            _("Usage %"): f"{bucket['percent']:.2f}",
            _("Emergency Threshold"): gib(report["emergency_threshold_bytes"]),
            _("Status"): _(bucket["status"]),
            _("Reserved"): gib(report["reserved_bytes"]),
            _("Not in the ledger"): gib(report["orphaned_bytes"]),
            _("Old versions, uploads"): gib(report["unlisted_bytes"]),
            _("Tenant"): f"{own['name']} ({own['id']})",
            _("Tenant Usage"): f"{gib(own['used_bytes'])} / {gib(own['limit_bytes'])}",
            _("Tenant Usage %"): f"{own['percent']:.2f}",
            _("Tenant Status"): _(own["status"]),
        }
    )
    yield ""
    yield from table(
        (_("Type"), _("Usage"), _("Limit"), "%", _("Of the tenant"), _("Status")),
        [
            (
                kind,
                gib(used["used_bytes"]),
                gib(used["limit_bytes"]),
                f"{used['percent']:.2f}",
                gib(used["tenant_bytes"]),
                _(used["status"]),
            )
            for kind, used in report["by_type"].items()
        ],
    )
    yield from _told(report["warnings"])


def _usage_lines(usage: StorageUsage) -> Iterable[str]:
    objects = sum(used.objects_count for used in usage.by_type.values())
    yield _("Total: %(size)s in %(objects)s objects") % {
        "size": gib(usage.total_bytes), "objects": objects,
    }  # fmt: skip
    yield _("Reserved: %(reserved)s; not in the ledger: %(orphaned)s") % {
        "reserved": gib(usage.reserved_bytes), "orphaned": gib(usage.orphaned_bytes),
    }  # fmt: skip
    unlisted = {"size": gib(usage.unlisted_bytes)}
    yield _("Old versions and unfinished uploads: %(size)s") % unlisted
    yield ""
    rows = [
        (kind, used.objects_count, gib(used.total_bytes)) for kind, used in usage.by_type.items()
    ]
    yield from table((_("Type"), _("Objects"), _("Size")), rows)
    yield from _told(_warnings())


def _key_lines(
    key: str, info: ObjectInfo | None, entry: StoredObject | None, reserved: int
) -> Iterable[str]:
    rows: dict[str, object] = {_("Key"): key}
    if info:
        rows |= {
            _("Size (MB)"): f"{mib(info.size_bytes)} ({info.size_bytes} B)",
            _("Content Type"): info.mime or "—",
            _("Content Encoding"): info.content_encoding or "—",
            _("Last Modified"): _time(info),
            "ETag": info.etag or "—",
        }
    else:
        rows[_("Object")] = _("There is no such object in the bucket.")
    rows[_("In the ledger")] = _entry(entry)
    if reserved:
        rows[_("Reserved")] = _("%(count)s uploads of it are in progress") % {"count": reserved}
    yield from facts(rows)
    if bool(info) != bool(entry) or (info and entry and info.size_bytes != entry.size_bytes):
        yield _(
            "Ledger and bucket differ here: manage.py verify_storage lists all such differences."
        )


def _entry(entry: StoredObject | None) -> str:
    if entry is None:
        return _("no")
    state = _("found damaged") if entry.damaged_at else _("no damage known")
    return _("%(size)s B, SHA-256 %(sha256)s, %(state)s") % {
        "size": entry.size_bytes, "sha256": entry.sha256 or _("unknown"), "state": state,
    }  # fmt: skip


def _against(used: int, limit: int) -> dict[str, Any]:
    share = percent(used, limit)
    return {"used_bytes": used, "limit_bytes": limit, "percent": share, "status": _status(share)}


def _status(share: float) -> str:
    if share >= RED:
        return gettext_noop("red")
    return gettext_noop("yellow") if share >= YELLOW else gettext_noop("green")


def _as_json(info: ObjectInfo) -> dict[str, Any]:
    return {
        "key": info.key,
        "size_bytes": info.size_bytes,
        "content_type": info.mime,
        "content_encoding": info.content_encoding,
        "last_modified": info.modified_at.isoformat(),
        "etag": info.etag,
    }


def _time(info: ObjectInfo) -> str:
    return f"{info.modified_at:%Y-%m-%d %H:%M:%S} UTC"


def _parser(commands: Any, name: str, text: str) -> CommandParser:
    parser: CommandParser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser
