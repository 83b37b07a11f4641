"""Schedules in the console: a signed-in browser is no command line of the installation."""

import pytest
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule, Success

from events.console import page_of
from telegram_assistant import schedules

pytestmark = pytest.mark.django_db

NEXT = {"next_run_0": "2027-01-01", "next_run_1": "12:00:00"}


def sent(**fields: str) -> dict[str, str]:
    job = schedules.JOBS[0].func
    return {"name": "mine", "func": job, "schedule_type": "O", "repeats": "-1", **NEXT, **fields}


def test_a_schedule_runs_no_function_that_is_no_job_of_the_installation(admin_client) -> None:
    before = Schedule.objects.count()

    for func in ("os.system", "subprocess.getoutput", "django.core.management.call_command"):
        answer = admin_client.post(reverse("admin:django_q_schedule_add"), sent(func=func))
        assert answer.context["adminform"].form.errors.keys() == {"func"}

    assert Schedule.objects.count() == before


def test_a_job_gets_a_schedule_but_neither_arguments_nor_a_hook(admin_client) -> None:
    more = {
        "args": "'id'",
        "kwargs": "q_options={'hook': 'os.system'}",
        "hook": "os.system",
        "cluster": "x",
        "intended_date_kwarg": "x",
    }

    admin_client.post(reverse("admin:django_q_schedule_add"), sent(**more))

    row = Schedule.objects.get(name="mine")
    assert row.func == schedules.JOBS[0].func
    assert not any(getattr(row, field) for field in more)


def test_a_schedule_of_another_function_cannot_be_saved_as_it_is(admin_client) -> None:
    row = Schedule.objects.create(name="made elsewhere", func="os.system", schedule_type="O")
    page = reverse("admin:django_q_schedule_change", args=[row.pk])

    answer = admin_client.post(page, sent(func=row.func))

    assert "func" in answer.context["adminform"].form.errors


def test_the_next_run_is_entered_in_the_zone_that_the_page_says(admin_client) -> None:
    page = admin_client.get(reverse("admin:django_q_schedule_add"), HTTP_ACCEPT_LANGUAGE="en")

    assert "UTC" not in page.content.decode()


def test_the_outcome_of_a_run_is_told_in_the_readers_language(admin_client):
    run = Success.objects.create(
        id="a" * 32, name="a", func="vision.tasks.apply_rules", result="3 posts got a tag",
        started=timezone.now(), stopped=timezone.now(), success=True,
    )  # fmt: skip

    page = admin_client.get(page_of(Success, run.pk), headers={"accept-language": "ru"})

    assert "получили тег постов: 3" in page.content.decode()
    assert "3 posts got a tag" not in page.content.decode()
