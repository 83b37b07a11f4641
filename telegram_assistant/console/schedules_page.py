"""
The console's page of a schedule, which takes jobs of the product only.

That of django-q2 takes any function with any arguments: whoever has got hold of a superuser's browser
would have a shell on the hosts of the workers.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_q.admin import ScheduleAdmin
from django_q.models import Schedule

from telegram_assistant.schedules import JOBS

admin.site.unregister(Schedule)

CALL = ("func", "hook", "args", "kwargs")
"""What is called, how, and what after it: said by the product."""


@admin.register(Schedule)
class JobScheduleAdmin(ScheduleAdmin):  # type: ignore[misc]
    """When and how often a job runs. What runs is chosen when the schedule is added."""

    def get_readonly_fields(self, request: HttpRequest, obj: Schedule | None = None) -> Any:
        said = CALL if obj else CALL[1:]
        return (*super().get_readonly_fields(request, obj), *said)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "func":
            jobs = sorted({job.func for job in JOBS})
            return forms.ChoiceField(label=_("job"), choices=[(job, job) for job in jobs])
        return super().formfield_for_dbfield(db_field, request, **kwargs)
