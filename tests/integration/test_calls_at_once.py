"""What a tenant's own settings allow at once holds for all that it asks the provider for."""

from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.integration.paid import with_settings
from vision.limits import concurrency
from vision.providers.fake import FakePaid
from vision.providers.port import TokenUsage
from vision.providers.text_port import TextRequest, WrittenText
from vision.services.paid_texts import paid_texts
from vision.services.paid_trial import analyze_trial_picture
from vision.services.written_text import write_text

pytestmark = pytest.mark.django_db(transaction=True)


class Writer:
    name, model = "gigachat", "GigaChat-Pro"

    def write(self, request, *, now):
        usage = TokenUsage(prompt_tokens=5, completion_tokens=5, total_tokens=10)
        return WrittenText("text", usage)


def a_text(tenant):
    write_text(Writer(), TextRequest("rules", "question", 10), tenant)


def vectors(tenant):
    patience = timedelta(seconds=1)
    with paid_texts(tenant, ["text"], model="m", is_recent=True, patience=patience) as bill:
        bill.tokens = 1


def a_trial(tenant):
    analyze_trial_picture(FakePaid(), tenant)


@pytest.mark.parametrize(("own", "most"), [({}, 10), ({"max_concurrent_requests": 2}, 2)])
@pytest.mark.parametrize("asks", [a_text, vectors, a_trial])
def test_as_many_as_the_settings_say(archive, settings, monkeypatch, asks, own, most):
    settings.GIGACHAT = with_settings(settings.GIGACHAT, max_concurrent_requests=10)
    archive.tenant.settings = {"vision_policy": {"limits": own}}
    archive.tenant.save()
    callers = []

    @contextmanager
    def acquire(*_, of, **__):
        callers.append(of)
        yield uuid4()

    monkeypatch.setattr(concurrency, "acquire", acquire)

    asks(archive.tenant)

    assert [of.most for of in callers] == [most]
