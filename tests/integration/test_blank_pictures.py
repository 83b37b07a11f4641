"""Nothing uniform is sent to GigaChat or paid for; what is transparent is sent as it can be seen."""

import pytest
from PIL import Image

from tests.integration.paid import budget_totals, drain
from tests.unit.pictures import encoded, report
from vision.models import EnrichmentKind, PaidAnalysis, PostEnrichment, TokenBudget
from vision.reasons import explain

pytestmark = pytest.mark.django_db(transaction=True)

VISION = ("vision", "vision_backfill")
BLANK = {
    "white": encoded(Image.new("RGB", (300, 200), "white")),
    "nothing": encoded(Image.new("RGBA", (300, 200), (0, 0, 0, 0)), "WEBP"),
    "gray jpeg": encoded(Image.new("L", (300, 200), 77), "JPEG", quality=40),
}


def decision_about(post) -> dict:
    row = PostEnrichment.objects.get(post=post, kind=EnrichmentKind.VISION)
    return row.metadata["decisions"][0] | {"status": row.status}


def test_a_blank_picture_costs_nothing_and_says_why(archive, gigachat):
    posts = [archive.post(image) for image in BLANK.values()]

    drain(queues=VISION)

    for post in posts:
        told = decision_about(post)
        assert (told["outcome"], told["reason"], told["status"]) == ("read", "blank_picture", "ok")
        assert (told["tokens"], told["waits"]) == (0, False)
    assert gigachat.stats()["pictures_uploaded"] == 0
    assert budget_totals() == (0, 0)
    assert not PaidAnalysis.objects.exists()
    assert not TokenBudget.objects.exists()
    assert explain("blank_picture") != "blank_picture"


def test_report_09_three_pictures_are_uploaded_thrice(archive, gigachat, shared_data):
    _, pictures = report(shared_data, "09-white-on-transparent")
    pair = [one for one in pictures if one.parent.parent.name == "25-transparent-pair"]
    for one in pair:
        archive.post(one.read_bytes())

    drain(queues=VISION)

    stats = gigachat.stats()
    assert (stats["pictures_uploaded"], stats["seen_again"]) == (3, 0)
    assert PaidAnalysis.objects.filter(state="done").count() == 3
