import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts import acting
from accounts.management.acting_command import ActingCommand
from accounts.models import Tenant
from accounts.tenants import find_tenant
from events import projections
from events.errors import DomainError, RetryLater
from events.management.json_command import CANNOT_WORK
from events.projections import CannotCompare, Comparison, Projection

CODES = "exit codes: 0 they agree; 1 they differ, and it was not repaired; 2 could not compare"


class Command(ActingCommand):
    of_one_tenant = True
    help = (
        "Compare the archive with everything that is made of it: counts and fingerprints of each"
        f" tenant's posts; {CODES}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", help="name or id (default: all)")
        parser.add_argument(
            "--only", metavar="NAME", help="one projection, such as search.qdrant (default: all)"
        )
        parser.add_argument("--repair", action="store_true", help="write what differs again")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chosen, tenants = _chosen(options["only"]), _tenants(options["tenant"])
            found = list(self._compare(chosen, tenants, repair=options["repair"]))
        except (CannotCompare, DomainError, RetryLater) as error:
            self.say_failed({"error": "cannot_compare", "detail": str(error)}, options)
            raise CommandError(str(error), returncode=CANNOT_WORK) from error
        self._show(found, as_json=options["json"])
        if any(one.unresolved for one in found):
            sys.exit(1)

    def _compare(
        self, chosen: Sequence[Projection], tenants: QuerySet[Tenant], *, repair: bool
    ) -> Iterator[Comparison]:
        for projection in chosen:
            for tenant in tenants:
                with tqdm(desc=f"{projection.name} {tenant}", file=sys.stderr, disable=None) as bar:
                    yield projection.compare(tenant.pk, repair=repair, progress=bar.update)

    def _show(self, found: Sequence[Comparison], *, as_json: bool) -> None:
        if as_json:
            rows = [_as_json(one) for one in found]
            state = "differs" if any(one.unresolved for one in found) else "agrees"
            self.stdout.write(json.dumps({"state": state, "projections": rows}))
            return
        for one in found:
            self.stdout.write(
                _(
                    "%(projection)s, tenant %(tenant_id)s: %(expected)d expected, %(stored)d stored;"
                    " missing %(missing)d, different %(different)d, extra %(extra)d,"
                    " repaired %(repaired)d"
                )
                % asdict(one)
            )
            for example in one.examples:
                self.stdout.write(f"    {example}")


def _as_json(one: Comparison) -> dict[str, Any]:
    return asdict(one) | {"tenant_id": str(one.tenant_id), "unresolved": one.unresolved}


def _chosen(name: str | None) -> list[Projection]:
    there = projections.registered()
    chosen = [one for one in there if name in {None, one.name}]
    if not chosen:
        names = ", ".join(one.name for one in there)
        raise CannotCompare(
            _("there is no projection %(name)s; there are %(names)s")
            % {"name": name, "names": names}
        )
    return chosen


def _tenants(name: str | None) -> QuerySet[Tenant]:
    if name:
        return Tenant.objects.filter(pk=find_tenant(name).pk)
    acting.require_everywhere()
    return Tenant.objects.order_by("name")
