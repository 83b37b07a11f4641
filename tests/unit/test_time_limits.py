"""No inner limit of time is as long as the one around it: checked at start, by name."""

from datetime import timedelta

import pytest
from django.core import checks

from events import queue
from events.management.json_command import CHECKED
from storage_quota import reserve
from telegram_assistant.config import S3, GigaChat, Vision, limits_check, time_limits
from vision.analysis import follow_up
from vision.limits import circuit_breaker


def messages():
    """What the check says; `check` runs the same."""
    return limits_check.inner_limits_fit()


@pytest.fixture
def defaults(settings):
    """The settings of an installation that sets nothing."""
    settings.GIGACHAT = GigaChat(_env_file=None)
    settings.VISION = Vision(_env_file=None)
    settings.S3 = S3(_env_file=None)
    settings.ALBUM_TIMEOUT = timedelta(minutes=15)
    return settings


@pytest.mark.usefixtures("defaults")
def test_the_defaults_fit_into_each_other():
    assert time_limits.problems() == messages() == []
    assert len(list(time_limits.pairs())) >= 12


@pytest.mark.parametrize(
    ("group", "change", "inner", "outer"),
    [
        ("GIGACHAT", {"vision_timeout": 600}, "GIGACHAT_VISION_TIMEOUT (600 s)", "the lease of a task"),
        ("GIGACHAT", {"vision_timeout": 120}, "GIGACHAT_VISION_TIMEOUT (120 s)", "PROBE_LEASE"),
        ("VISION", {"vision_ocr_timeout_sec": 120}, "VISION_OCR_TIMEOUT_SEC", "the lease of a task"),
        ("S3", {"read_timeout_sec": 600}, "S3_READ_TIMEOUT_SEC", "the lease of a task"),
        ("S3", {"max_retry_attempts": 20}, "S3_READ_TIMEOUT_SEC", "the claim of an album"),
        ("S3", {"connect_timeout_sec": 90}, "S3_READ_TIMEOUT_SEC", 'Q_CLUSTER["timeout"]'),
    ],
)  # fmt: skip
def test_a_limit_that_is_too_long_is_refused_with_both_names(defaults, group, change, inner, outer):
    setattr(defaults, group, getattr(defaults, group).model_copy(update=change))

    found = [str(m.msg) for m in messages() if m.level == checks.ERROR]

    assert any(inner in text and outer in text and "set " in text for text in found)


def test_what_the_message_advises_is_enough(defaults):
    """The longest value that is advised, and one as long as that."""
    defaults.GIGACHAT = defaults.GIGACHAT.model_copy(update={"vision_timeout": 119.9})
    assert messages() == []

    defaults.GIGACHAT = defaults.GIGACHAT.model_copy(update={"vision_timeout": 120})
    assert all("to less than 120 s" in str(m.msg) for m in messages())
    assert messages()


def test_an_album_that_does_not_wait_for_one_picture_is_a_warning(defaults):
    defaults.ALBUM_TIMEOUT = timedelta(minutes=5)

    (warning,) = messages()

    assert (warning.level, "ALBUM_TIMEOUT_MINUTES" in warning.msg) == (checks.WARNING, True)


@pytest.mark.parametrize(
    ("module", "constant", "value"),
    [
        (circuit_breaker, "PROBE_LEASE", timedelta(minutes=2)),
        (follow_up, "FOLLOW_UP_TIMEOUT", timedelta(minutes=1)),
        (queue, "LOST_AFTER", timedelta(minutes=15)),
        (reserve, "PUT_WITHIN", timedelta(hours=2)),
    ],
)
@pytest.mark.usefixtures("defaults")
def test_a_constant_of_the_code_that_is_too_short_is_found(monkeypatch, module, constant, value):
    assert messages() == []
    monkeypatch.setattr(module, constant, value)

    assert any(constant in str(m.msg) for m in time_limits.problems())


def test_the_cluster_ends_a_job_before_it_gives_it_to_another(defaults):
    defaults.Q_CLUSTER = defaults.Q_CLUSTER | {"retry": defaults.Q_CLUSTER["timeout"]}

    assert any('Q_CLUSTER["retry"]' in str(m.msg) for m in time_limits.problems())


def test_the_check_is_one_of_those_of_each_start_and_of_the_whole_program(defaults):
    defaults.SEARCH = defaults.SEARCH.model_copy(update={"encoder_timeout_sec": 600})

    assert "telegram_assistant.E001" in [m.id for m in checks.run_checks(tags=CHECKED)]
    assert limits_check.inner_limits_fit in checks.registry.registry.get_checks()
