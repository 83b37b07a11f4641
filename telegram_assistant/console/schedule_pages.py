"""
The console's pages of schedules: when the jobs of this installation run, and which.

django-q2's own form takes the name of any function, its arguments and a hook. With it a browser in
which a superuser is signed in would be a command line of the installation, with its keys and its
database; SECURITY.md promises that it is not.
"""

from functools import cache
from importlib import import_module
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_q.admin import ScheduleAdmin, TaskAdmin
from django_q.models import Schedule, Success

from accounts.admin.meanwhile import MindsOthers
from events.console import translated
from telegram_assistant import schedules


def _intervals() -> list[tuple[str, Any]]:
    """All but cron, whose package is not installed."""
    return [(code, words) for code, words in Schedule.TYPE if code != Schedule.CRON]


class ScheduleForm(MindsOthers):  # type: ignore[type-arg]  # django-q2 has no types
    """A schedule of one of the installation's own jobs, which take no arguments."""

    func = forms.ChoiceField(
        label=_("job"), choices=[(job.func, job.name) for job in schedules.JOBS]
    )
    schedule_type = forms.ChoiceField(label=_("how often"), choices=_intervals)

    class Meta:
        model = Schedule
        fields = ("name", "func", "schedule_type", "minutes", "repeats", "next_run")
        help_texts = {"next_run": ""}  # noqa: RUF012 - "stored in UTC" is not how it is entered


class JobScheduleAdmin(ScheduleAdmin):  # type: ignore[misc]  # django-q2 has no types
    form = ScheduleForm
    fields = ScheduleForm.Meta.fields
    readonly_fields = ()


class RunAdmin(TaskAdmin):  # type: ignore[misc]  # django-q2 has no types
    """Finished runs, with their outcome in the reader's language."""

    list_display = ("name", "func", "started", "time_taken", "outcome")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [
            "outcome" if name == "result" else name for name in super().get_fields(request, obj)
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "outcome"]

    @admin.display(description=_("outcome"))
    def outcome(self, run: Success) -> str:
        _load_jobs()
        return translated(str(run.result or ""))


@cache
def _load_jobs() -> None:
    """The sentences of outcomes are known where the jobs are."""
    for job in schedules.JOBS:
        import_module(job.func.rpartition(".")[0])


admin.site.unregister(Success)
admin.site.register(Success, RunAdmin)
admin.site.unregister(Schedule)
admin.site.register(Schedule, JobScheduleAdmin)
