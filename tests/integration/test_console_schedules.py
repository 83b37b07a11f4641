"""The console's page of schedules is no shell."""

import pytest
from django.urls import reverse
from django_q.models import Schedule

from telegram_assistant.schedules import JOBS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

SCHEDULE = {"name": "more", "func": "events.tasks.prune", "schedule_type": "O", "repeats": "1",
            "next_run_0": "2026-01-01", "next_run_1": "00:00"}  # fmt: skip


def test_a_schedule_runs_a_job_of_the_product_more_often(admin_client):
    admin_client.post(reverse("admin:django_q_schedule_add"), SCHEDULE)

    assert Schedule.objects.get(name="more").func == "events.tasks.prune"


@pytest.mark.parametrize(
    "call",
    [
        {"func": "os.system", "args": "'id',"},
        {"hook": "os.system"},
        {"func": "events.tasks.prune", "args": "1,", "kwargs": "now=1"},
    ],
)
def test_and_nothing_else_neither_added_nor_changed(admin_client, call):
    row = Schedule.objects.get(name="events.prune")
    admin_client.post(reverse("admin:django_q_schedule_add"), SCHEDULE | call)
    admin_client.post(
        reverse("admin:django_q_schedule_change", args=[row.pk]),
        SCHEDULE | {"name": row.name} | call,
    )

    rows = list(Schedule.objects.all())
    assert {one.func for one in rows} <= {job.func for job in JOBS}
    assert not [one for one in rows if one.hook or one.args or one.kwargs]
