"""The console as a person uses it: a real browser, a real server, real pictures."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from events.console import list_of, page_of
from events.models import DeadLetter, Delivery, DeliveryState
from media.models import Post
from storage_quota.models import StoredObject
from tests import factories as make

# Nobody ran collectstatic here.
pytestmark = pytest.mark.filterwarnings("ignore:No directory at")


@pytest.fixture
def page(browser: Browser, live_server, tmp_path: Path) -> Iterator[Page]:
    get_user_model().objects.create_superuser("admin", password="right horse")
    context = browser.new_context(
        base_url=live_server.url, locale="ru-RU", viewport={"width": 1360, "height": 900}
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto("/admin/")
    page.fill("input[name=login]", "admin")
    page.fill("input[name=password]", "right horse")
    page.press("input[name=password]", "Enter")
    expect(page.locator("#user-tools")).to_contain_text("admin")
    yield page
    page.screenshot(path=tmp_path / "last.png", full_page=True)
    context.close()
    assert problems == []


@pytest.fixture
def news():
    """A channel with a post about trams, a post without a picture, and an album of three."""
    of = make.channel(title="Городские новости")
    tram = make.media_object(owner=of.tenant, body=make.picture("teal"), stored=True)
    post = make.post(of=of, media=[tram], content="Новые трамваи вышли на линию")
    make.enrichment(post, vision_ocr_text="Маршрут № 5", decisions=[make.decision(tram)])
    make.post(of=of, content="Сегодня дождь")
    colors = ["crimson", "gold", "purple"]
    pictures = [
        make.media_object(owner=of.tenant, body=make.picture(color), stored=True)
        for color in colors
    ]
    group = make.album(of=of, pictures=[], caption_text="Три цвета", cover_media=pictures[0])
    for position in (2, 0, 1):
        item = make.album_item(group, pictures[position], position=position)
        make.enrichment(item.post, vision_ocr_text=colors[position])
    return of


def _are_painted(page: Page, selector: str, *, count: int) -> None:
    images = page.locator(selector)
    expect(images).to_have_count(count)
    for number in range(count):
        image = images.nth(number)
        image.scroll_into_view_if_needed()
        handle = image.element_handle()
        page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=handle)


def test_posts_are_listed_with_their_pictures_filtered_and_found(page, news):
    page.goto("/admin/")
    page.click("#content-main .model-post th a")
    _are_painted(page, "#result_list .console-thumb img", count=4)

    page.locator("#changelist-filter a[href*='has_media__exact=0']").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.locator("#result_list")).to_contain_text("Сегодня дождь")

    page.goto(list_of(Post))
    page.fill("#searchbar", "трамваями")
    page.press("#searchbar", "Enter")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)

    page.click("#result_list .field-words a")
    _are_painted(page, ".field-picture .console-thumb img", count=1)
    expect(page.locator(".console-table").last).to_contain_text("vision_not_configured")
    expect(page.locator("#content")).to_contain_text("Маршрут № 5")


@pytest.mark.costly
def test_an_album_shows_its_pictures_in_order(page, news):
    page.goto("/admin/albums/mediagroup/")
    _are_painted(page, "#result_list .console-thumb img", count=1)

    page.click("#result_list .field-caption a")

    _are_painted(page, ".console-strip img", count=3)
    texts = page.locator(".console-strip li .console-text").all_inner_texts()
    assert texts == ["crimson", "gold", "purple"]


def test_a_dead_letter_is_found_from_the_index_and_replayed(page, live_server):
    letter = make.dead_letter()

    page.goto("/admin/")
    page.click(".console-alarm")
    expect(page).to_have_url(f"{live_server.url}{list_of(DeadLetter)}")
    page.check("#result_list tbody .action-select")
    page.select_option("select[name=action]", "replay")
    page.click("button[name=index]")

    expect(page.locator(".messagelist")).to_contain_text("1 задача снова в очереди")
    expect(page.locator("#result_list")).to_have_count(0)
    assert Delivery.objects.get(pk=letter.pk).state == DeliveryState.PENDING


@pytest.mark.costly
def test_no_page_is_wider_than_a_phone(page, news):
    run = make.import_run(path=f"/home/somebody/{'ChatExport_2026-11-01' * 4}")
    stored = StoredObject.objects.order_by("-key")[0]
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/admin/my-tokens/")
    page.fill("[name=name]", "a program that reads")
    page.click(".submit-row input")

    addresses = [f"/admin/{name}/" for name in ("graph", "saved-searches", "growth", "my-tokens")]
    addresses += ["/admin/find/?q=трамваи", list_of(StoredObject)]
    addresses += [page_of(type(row), row.pk) for row in (run, stored)]
    widths = {}
    for address in addresses:
        page.goto(address)
        widths[address] = page.evaluate("document.documentElement.scrollWidth")
    assert {address for address, width in widths.items() if width > 390} == set()


@pytest.mark.costly
def test_the_list_of_tasks_fits_on_a_usual_screen(page):
    page.set_viewport_size({"width": 1440, "height": 900})
    event = make.event(topic="posts.vision.analyzed")
    make.delivery(
        of=event, subscriber="vision.analyze_backfill", state="done",
        finished_at=timezone.now(), error_code="provider_unauthorized", attempts=2,
        outcome="later: the local tagger stands in: the circuit breaker of the provider is open",
    )  # fmt: skip

    page.goto(list_of(Delivery))

    expect(page.locator(".results")).to_contain_text("provider_unauthorized")
    needed, there = page.locator(".results").evaluate("one => [one.scrollWidth, one.clientWidth]")
    assert needed <= there
