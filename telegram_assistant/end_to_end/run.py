"""Run the seven steps, and tidy up after a check that came out well."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrPromise

from events.errors import DomainError, RetryLater
from events.inspection import postgresql
from media.services import sample_post
from telegram_assistant.end_to_end import after, api_request, before
from telegram_assistant.end_to_end.trial import StepFailed, Trial


@dataclass(frozen=True, slots=True)
class Step:
    """A step with the line that announces it."""

    name: str
    title: StrPromise
    work: Callable[[Trial], None]


STEPS: Final = (
    Step("quota", gettext_lazy("📊 Step 1: Checking the S3 quotas..."), before.check_quota),
    Step("event", gettext_lazy("📤 Step 2: Building VisionUploadedEventV1..."), before.build_event),
    Step(
        "publish",
        gettext_lazy("🚀 Step 3: Publishing to stream:posts:vision:uploaded..."),
        before.publish,
    ),
    Step("wait", gettext_lazy("⏳ Step 4: Waiting for the Vision worker"), after.wait),
    Step(
        "database",
        gettext_lazy("🔍 Step 5: Checking the results in the database..."),
        after.check_database,
    ),
    Step(
        "api", gettext_lazy("🔍 Step 6: Checking through the Vision API..."), api_request.check_api
    ),
    Step("streams", gettext_lazy("🔍 Step 7: Checking the streams..."), after.check_streams),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """The step that failed, by number from 1, with the reason and what to do."""

    number: int
    step: Step
    reason: str
    remedy: str


def run(trial: Trial) -> Failure | None:
    """Do the steps until one fails; a sample post stays only after a failure, for looking at it."""
    for number, step in enumerate(STEPS, start=1):
        trial.say("")
        trial.say(_title(step, trial))
        if failure := _failure_of(number, step, trial):
            return failure
    if sample_post.is_sample(trial.the_post):
        sample_post.delete(trial.the_post, now=timezone.now())
    return None


def _title(step: Step, trial: Trial) -> str:
    if step.work is not after.wait:
        return str(step.title)
    return f"{step.title} " + _("(%(seconds)d seconds)...") % {"seconds": trial.seconds}


def _failure_of(number: int, step: Step, trial: Trial) -> Failure | None:
    try:
        step.work(trial)
    except StepFailed as failed:
        return Failure(number, step, str(failed), failed.remedy)
    except (DomainError, RetryLater) as error:
        return Failure(number, step, str(error), _("see `doctor`"))
    except (OperationalError, InterfaceError) as error:
        reason = str(error).strip().partition("\n")[0]
        return Failure(number, step, reason, postgresql.REMEDY)
    return None
