"""`manage.py search check-filters`: what it prints, and its exit codes."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from events.management.json_command import CANNOT_WORK
from search.embeddings.chosen import encoder
from search.index import chosen
from search.index.port import IndexRefused, IndexUnavailable, VectorsUnavailable
from search.services.check_filters import NothingToCheck, Report, check_filters

NAME = "check-filters"
"""Alone, it is the check; among other words it is a word."""
CODES = "exit codes of check-filters: 0 all filters work; 1 one does not; 2 it could not be checked"


def run(
    tenants: Sequence[UUID], *, album: int | None, as_json: bool, write: Callable[[str], Any]
) -> None:
    """Check each index there is; ends the process with the exit code, unless all is well."""
    try:
        reports = [
            check_filters(index, index.name, tenants, encoder().name, album_id=album)
            for index in chosen.written()
        ]
    except (NothingToCheck, IndexUnavailable, IndexRefused, VectorsUnavailable) as error:
        state = {"state": "failed", "error": "cannot_check", "detail": str(error)}
        write(json.dumps(state, ensure_ascii=False) if as_json else str(error))
        sys.exit(CANNOT_WORK)
    if as_json:
        write(json.dumps(_as_json(reports), ensure_ascii=False))
    else:
        for line in _lines(reports):
            write(line)
    if not all(report.ok for report in reports):
        sys.exit(1)


def _as_json(reports: Sequence[Report]) -> dict[str, Any]:
    return {
        "state": "ok" if all(report.ok for report in reports) else "wrong",
        "indexes": [
            {
                "index": report.index,
                "album_id": report.album_id,
                "filters": [
                    {"filter": one.filter, "found": one.found, "problems": list(one.problems)}
                    for one in report.checks
                ],
            }
            for report in reports
        ],
    }


def _lines(reports: Sequence[Report]) -> Iterator[str]:
    for report in reports:
        yield _("%(index)s, album %(album)d:") % {"index": report.index, "album": report.album_id}
        for one in report.checks:
            verdict = "; ".join(one.problems) or _("right")
            yield f"    {json.dumps(one.filter, ensure_ascii=False)}: {one.found}, {verdict}"
