"""The drawing of the graph as a person sees it: a real browser, the policy of content, what is drawn."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Browser, Page, expect

from graph.services.index import index
from graph.sources.read import Changed
from media.models import Post
from tests import factories as make

pytestmark = [
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
    pytest.mark.django_db(transaction=True),
]
STOLEN = "Сегодня в городе открылся новый мост через реку, и все пришли смотреть"


@pytest.fixture
def page(browser: Browser, live_server) -> Iterator[Page]:
    get_user_model().objects.create_superuser("admin", password="right horse")
    context = browser.new_context(
        base_url=live_server.url, locale="ru-RU", viewport={"width": 1360, "height": 900}
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda said: problems.append(said.text) if said.type in {"error", "warning"} else None,
    )
    page.goto("/admin/")
    page.fill("input[name=login]", "admin")
    page.fill("input[name=password]", "right horse")
    page.press("input[name=password]", "Enter")
    expect(page.locator("#user-tools")).to_contain_text("admin")
    yield page
    context.close()
    assert problems == []


@pytest.fixture
def copies(graph):
    """A post that nine other channels have copied or forwarded, some of which share a link."""
    owner, hour = make.tenant(), timedelta(hours=1)
    names = (
        "Городские новости с очень длинным названием, которое никуда не влезает",
        "Мост",
        "A",
        "B",
    )
    channels = [
        make.channel(owner=owner, title=names[n] if n < len(names) else f"Канал {n}")
        for n in range(10)
    ]
    first = make.post(of=channels[0], content=STOLEN, posted_at=make.NOW, telegram_message_id=9)
    posts = [first]
    for number, of in enumerate(channels[1:], start=1):
        forward = {
            "is_forward": True,
            "forward_from_chat_id": channels[0].tg_channel_id,
            "forward_from_message_id": 9,
        } if number % 3 == 0 else {}  # fmt: skip
        posts.append(
            make.post(of=of, content=STOLEN, posted_at=make.NOW + number * hour,
                      urls=["https://example.com/most"], **forward)
        )  # fmt: skip
    Post.objects.filter(pk=posts[4].pk).update(deletion="live", deleted_at=make.NOW + 30 * hour)
    index(Changed(posts=[post.pk for post in posts]))
    return posts


@pytest.mark.sampled(1)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_how_a_post_spread_is_drawn_without_a_warning(page, copies, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(f"/admin/graph/?post={copies[0].pk}")
    drawing = page.locator("#graph-drawing")
    expect(drawing).to_be_visible()
    page.wait_for_timeout(500)

    expect(page.locator(".results tbody tr")).to_have_count(10)
    expect(page.locator(".results")).to_contain_text("удал")
    assert page.locator("#graph-drawing canvas").count()
    page.goto("/admin/graph/")
    expect(drawing).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    expect(drawing).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
