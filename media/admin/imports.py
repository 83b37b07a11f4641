"""The console's pages of imports and their problems."""

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from events.admin.marks import mark
from events.console import (
    EMPTY,
    ReadOnlyAdmin,
    excerpt,
    in_words,
    internal_link,
    list_of,
    page_of,
    rendered,
    short_time,
    translated,
)
from media.admin.first_steps import IMPORT_FIRST
from media.models import ImportProblem, ImportRun
from media.models.imports import ImportState
from media.services import import_runs, import_words, problem_codes

PROBLEMS_SHOWN = 50


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin[ImportRun]):
    when_empty = IMPORT_FIRST
    list_display = (
        "path", "tenant", "state_mark", "started_at", "duration", "new_posts", "problems_link",
    )  # fmt: skip
    list_filter = ("started_at", "tenant")
    list_select_related = ("tenant",)
    search_fields = ("path",)
    ordering = ("-started_at", "-id")
    fields = (
        "path",
        "tenant",
        "state_mark",
        "what_to_do",
        "started_at",
        "finished_at",
        "interrupted_at",
        "duration",
        "problems_link",
        "problems_found",
        "summary_table",
    )

    def heading(self, run: ImportRun) -> str:
        return _name(run)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportRun]:
        runs = super().get_queryset(request).select_related("tenant")
        return runs.annotate(problems_count=Count("problems"))

    @admin.display(description=_("state"))
    def state_mark(self, run: ImportRun) -> SafeString:
        state = ImportState.INTERRUPTED if import_runs.is_interrupted(run) else run.state
        return mark(state, str(state.label))

    @admin.display(description=_("what to do"))
    def what_to_do(self, run: ImportRun) -> str:
        if not import_runs.is_interrupted(run):
            return EMPTY
        return gettext("Run the import again: what is in the archive is left as it is.")

    @admin.display(description=_("duration, s"))
    def duration(self, run: ImportRun) -> str:
        """Empty while the import runs, and for good if it was killed: see its summary."""
        if run.finished_at is None:
            return EMPTY
        return number_format((run.finished_at - run.started_at).total_seconds(), 1)

    @admin.display(description=_("new posts"))
    def new_posts(self, run: ImportRun) -> Any:
        return run.summary.get("new", EMPTY)

    @admin.display(description=_("problems"), ordering="problems_count")
    def problems_link(self, run: ImportRun) -> SafeString | str:
        count = cast("Any", run).problems_count
        if not count:
            return "0"
        address = list_of(ImportProblem, urlencode({"run__id__exact": run.pk}))
        return internal_link(address, count)

    @admin.display(description=_("first problems"))
    def problems_found(self, run: ImportRun) -> SafeString | str:
        problems = list(run.problems.order_by("id")[:PROBLEMS_SHOWN])
        rows = [
            {
                "code": problem.code,
                "what": problem_codes.explain(problem.code),
                "message_id": problem.message_id,
                "detail": translated(problem.detail),
            }
            for problem in problems
        ]
        return rendered("problems.html", problems=rows) if rows else EMPTY

    @admin.display(description=_("summary"))
    def summary_table(self, run: ImportRun) -> SafeString | str:
        rows = list(import_words.rows(run.summary))
        return rendered("facts.html", rows=rows) if rows else EMPTY


@admin.register(ImportProblem)
class ImportProblemAdmin(ReadOnlyAdmin[ImportProblem]):
    when_empty = _("No import had a problem.")
    list_display = ("id", "code_told", "message_id", "detail_excerpt", "run_link")
    list_filter = (("code", in_words(problem_codes.explain)),)
    list_select_related = ("run",)
    search_fields = ("=message_id", "code")
    search_help_text = _("A message id or a part of the code")
    ordering = ("-id",)
    fields = ("run_link", "code_told", "code", "message_id", "what")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportProblem]:
        return super().get_queryset(request).select_related("run")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "run__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("problem"), ordering="code")
    def code_told(self, problem: ImportProblem) -> str:
        return problem_codes.explain(problem.code)

    @admin.display(description=_("detail"))
    def detail_excerpt(self, problem: ImportProblem) -> str:
        return excerpt(translated(problem.detail))

    @admin.display(description=_("detail"))
    def what(self, problem: ImportProblem) -> str:
        return translated(problem.detail)

    @admin.display(description=_("import"), ordering="run_id")
    def run_link(self, problem: ImportProblem) -> SafeString:
        return internal_link(page_of(ImportRun, problem.run_id), _name(problem.run))


def _name(run: ImportRun) -> str:
    """The path alone would name every import of the same folder."""
    return f"{run} ({short_time(run.started_at)})"
