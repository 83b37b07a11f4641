"""Which policy is in force: the file as it is, the last good one, the tenant's own."""

import os

import pytest

from accounts.models import Tenant
from tests.integration.paid import with_settings
from vision.policy import loader
from vision.policy.loader import current_policy, problems_of_override
from vision.policy.schema import DEFAULT_POLICY_PATH, PolicyRefused


@pytest.fixture
def file(tmp_path, settings):
    path = tmp_path / "policy.yml"
    path.write_text(DEFAULT_POLICY_PATH.read_text())
    settings.VISION = with_settings(settings.VISION, vision_policy_config_path=path)
    return path


_ages = iter(range(1, 1000))


def edit(path, old, new):
    path.write_text(path.read_text().replace(old, new))
    age = next(_ages)
    os.utime(path, (age, age))


def tenant(**override):
    return Tenant(name="Alice", settings={"vision_policy": override} if override else {})


def test_an_edit_counts_from_the_next_post_on(file):
    assert current_policy().limits.max_image_mb == 15

    edit(file, "max_image_mb: 15", "max_image_mb: 3")

    assert current_policy().limits.max_image_mb == 3


def test_a_broken_edit_keeps_the_last_good_policy_and_says_so_once(file, caplog):
    current_policy()

    edit(file, "max_image_mb: 15", "max_image_mb: lots")

    assert [current_policy().limits.max_image_mb for _ in range(3)] == [15, 15, 15]
    complaints = [r for r in caplog.records if r.name == loader.__name__]
    assert [r.levelname for r in complaints] == ["ERROR"]
    assert "max_image_mb" in complaints[0].getMessage()
    edit(file, "max_image_mb: lots", "max_image_mb: 4")
    assert current_policy().limits.max_image_mb == 4


def test_a_file_that_vanished_keeps_the_last_good_policy(file):
    current_policy()

    file.unlink()

    assert current_policy().limits.max_image_mb == 15


def test_a_process_that_starts_with_a_broken_file_has_no_policy(file):
    edit(file, "max_image_mb: 15", "max_image_mb: lots")

    with pytest.raises(PolicyRefused):
        current_policy()


def test_a_tenant_overrides_single_keys(file):
    own = tenant(limits={"max_image_mb": 1}, routing={"skip_if_channel": ["@ads"]})

    policy = current_policy(own)

    assert (policy.limits.max_image_mb, policy.limits.max_document_mb) == (1, 40)
    assert policy.routing.skip_if_channel == frozenset({"ads"})
    assert current_policy(tenant()).limits.max_image_mb == 15


def test_what_a_tenant_overrides_follows_the_file(file):
    own = tenant(limits={"max_image_mb": 1})
    current_policy(own)

    edit(file, "max_document_mb: 40", "max_document_mb: 20")

    assert current_policy(own).limits.max_document_mb == 20


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ({"limits": {"max_image_mb": "big"}}, "limits.max_image_mb"),
        ({"limits": {"max_imagee_mb": 1}}, "limits.max_imagee_mb"),
        ({"surprise": {}}, "surprise"),
        ({"limits": 5}, "limits"),
        ([], "whole file"),
        ("text", "whole file"),
    ],
)
def test_an_override_that_cannot_be_is_named(file, override, named):
    assert any(named in problem for problem in problems_of_override(override))
    with pytest.raises(PolicyRefused):
        current_policy(Tenant(name="Bob", settings={"vision_policy": override}))


def test_a_good_override_has_no_problems(file):
    assert problems_of_override({"sampling": {"enabled": False}}) == []
    assert problems_of_override(None) == []
