"""The policy of content in a real browser: it breaks no page, and it stops what it is there for."""

from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client
from django.urls import clear_url_caches, path, reverse
from playwright.sync_api import Browser, Page, expect

from events.console import list_of, page_of
from media.models import MediaObject, Post
from telegram_assistant import urls
from tests import factories as make

pytestmark = pytest.mark.filterwarnings("ignore:No directory at")  # nobody ran collectstatic here

REPORT = """document.addEventListener('securitypolicyviolation', event => console.error(
  `VIOLATION ${event.effectiveDirective} ${event.blockedURI} ${event.sample} at ${location}`))"""
OTHER_SITE = "https://evil.example"


class Visit:
    """A page of the browser, and what it complained of."""

    def __init__(self, page: Page) -> None:
        self.page, self.complaints = page, []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note)

    def _note(self, message) -> None:
        if message.type == "error" and "the server responded with a status" not in message.text:
            self.complaints.append(message.text)

    def goto(self, address: str) -> None:
        self.page.goto(address)


@pytest.fixture
def visit(browser: Browser, live_server) -> Iterator[Visit]:
    """A browser in which the administrator of the installation is signed in."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("admin", password="right horse"))
    name = django_settings.SESSION_COOKIE_NAME
    context = browser.new_context(base_url=live_server.url, locale="en-US")
    context.set_default_timeout(10_000)
    context.add_init_script(REPORT)
    cookie = {"name": name, "value": client.cookies[name].value, "url": live_server.url}
    context.add_cookies([cookie])
    yield Visit(context.new_page())
    context.close()


@pytest.fixture
def post():
    """A post with a stored picture that was analyzed, in an album; and a failed task."""
    of = make.channel(title="City news")
    shown = make.media_object(owner=of.tenant, body=make.picture("teal"), stored=True)
    post = make.post(of=of, media=[shown], content="New trams")
    make.enrichment(post, vision_ocr_text="Line 5", decisions=[make.decision(shown)])
    make.dead_letter()
    return post


@pytest.mark.parametrize("share", [pytest.param(1, marks=pytest.mark.long), 3])
def test_no_list_of_the_console_breaks_the_policy(visit, post, chance, share):
    models = list(admin.site._registry)
    for model in chance.sample(models, len(models) // share):
        visit.goto(list_of(model))

    assert visit.complaints == []


@pytest.mark.costly
def test_no_other_page_breaks_the_policy(visit, post):
    of = post.channel
    pages = [
        "/admin/",
        page_of(Post, post.pk),
        page_of(MediaObject, post.post_media.get().media_object_id),
        page_of(type(of), of.pk),
        reverse("admin:storage_quota_cleanup"),
        reverse("my_settings"),
        "/admin/my-tokens/",
        reverse("admin:password_change"),
        reverse("admin:accounts_user_add"),
        reverse("admin:accounts_tenant_history", args=[of.tenant_id]),
        reverse("admin:accounts_tenant_delete", args=[of.tenant_id]),
        "/admin/nothing/",
        "/api/v1/vision/posts",  # as DRF's page
        "/api/v1/storage/cleanup",
        "/nothing",
    ]
    for address in pages:
        visit.goto(address)

    assert visit.complaints == []


@pytest.mark.costly
def test_dates_lookups_and_popups_work(visit, post):
    page = visit.page
    visit.goto(reverse("admin:django_q_schedule_add"))
    page.locator(".datetimeshortcuts a").first.click()
    page.locator(".datetimeshortcuts a:has(.date-icon)").first.click()
    page.locator(".calendarbox:visible td a").first.click()
    assert page.locator("#id_next_run_0").input_value()

    visit.goto(reverse("admin:accounts_membership_add"))
    page.locator(".field-user .select2-selection").click()
    page.locator(".select2-results__option", has_text="admin").click()
    expect(page.locator(".field-user .select2-selection__rendered")).to_contain_text("admin")

    with page.expect_popup() as opened:
        page.locator(".related-widget-wrapper-link.add-related").first.click()
    opened.value.wait_for_load_state()
    opened.value.close()

    visit.goto(list_of(Post))
    page.locator("#action-toggle").check()
    expect(page.locator(".actions .action-counter")).to_contain_text("1 of 1")
    assert visit.complaints == []


@pytest.mark.costly
def test_the_description_of_the_api_works_and_asks_it(visit, post):
    page = visit.page
    visit.goto("/api/docs/")
    page.locator(".opblock-get", has_text="/api/v1/vision/stats").first.click()
    page.locator(".try-out__btn").first.click()
    page.locator(".execute").first.click()

    status = page.locator(".live-responses-table tbody .response-col_status").first
    expect(status).to_contain_text("200")
    assert visit.complaints == []


@pytest.fixture
def at_the_door(visit):
    """A browser that has just signed in with its password."""
    page = visit.page
    page.context.clear_cookies()
    visit.goto("/admin/")
    field = page.locator("input[type=password]")
    assert field.get_attribute("autocomplete") == "current-password"
    page.fill("input[name=login]", "admin")
    field.fill("right horse")
    field.press("Enter")
    page.locator("#user-tools").wait_for()
    visit.goto(reverse("account_reauthenticate"))
    page.fill("input[name=password]", "right horse")
    page.press("input[name=password]", "Enter")
    page.locator("#user-tools").wait_for()
    return visit


@pytest.mark.costly
def test_no_page_of_signing_in_breaks_the_policy(at_the_door):
    for name in (
        "account_change_password", "account_reauthenticate", "usersessions_list", "mfa_index",
        "mfa_activate_totp", "mfa_list_webauthn", "mfa_add_webauthn",
        "socialaccount_connections", "account_logout", "account_reset_password",
    ):  # fmt: skip
        at_the_door.goto(reverse(name))
        assert at_the_door.page.url.endswith(reverse(name))

    assert at_the_door.complaints == []


@pytest.mark.costly
def test_the_secret_of_an_authenticator_app_is_shown_as_a_picture(at_the_door):
    page = at_the_door.page
    at_the_door.goto(reverse("mfa_activate_totp"))
    picture = page.locator("img[src^=data]").element_handle()

    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture)


HOSTILE = """<script>document.title = 'it ran'</script>
<img src=x onerror="document.title = 'it ran'"><a id=it href="javascript:document.title='it ran'">x</a>
<script src="https://evil.example/x.js"></script><base href="https://evil.example/">
<object data="/static/console/console.css"></object><iframe src="/health/live"></iframe>
<form action="https://evil.example/"><button id=send>x</button></form>"""


@pytest.fixture
def hostile_page():
    """A page into which somebody's words came as HTML: the mistake that the policy is there for."""
    page = path("hostile", lambda request: HttpResponse(f"<html><body>{HOSTILE}"))
    urls.urlpatterns.insert(0, page)
    clear_url_caches()
    yield "/hostile"
    urls.urlpatterns.remove(page)
    clear_url_caches()


def test_what_somebody_wrote_does_not_run_even_if_it_came_into_a_page(visit, hostile_page):
    page, sent = visit.page, []
    page.on("requestfinished", lambda request: sent.append(request.url))
    page.on("requestfailed", lambda request: sent.append((request.url, request.failure)))
    visit.goto(hostile_page)
    page.click("#it")
    page.click("#send", no_wait_after=True)
    page.wait_for_timeout(200)

    assert page.title() != "it ran"
    assert [one for one in sent if "evil.example" in str(one)] == [(f"{OTHER_SITE}/x.js", "csp")]
    told = " ".join(visit.complaints)
    for directive in (
        "script-src-elem inline",
        "script-src-attr",
        "base-uri",
        "object-src",
        "form-action",
    ):
        assert f"VIOLATION {directive}" in told, told


@pytest.mark.parametrize(
    ("mime", "body"),
    [
        (
            "image/svg+xml",
            b'<svg xmlns="http://www.w3.org/2000/svg"><script>top.ran=1</script></svg>',
        ),
        ("text/html", b"<script>top.ran=1</script>"),
        ("image/png", b"<html><script>top.ran=1</script>"),
    ],
)
def test_a_stored_file_runs_nothing(visit, mime, body):
    stored = make.media_object(mime=mime, body=body, stored=True)
    page = visit.page
    visit.goto("/admin/")
    address = reverse("admin:media_mediaobject_content", args=[stored.pk])
    # As a script, as a picture, and opened by itself.
    page.evaluate(
        """address => new Promise(done => {
          const script = document.createElement('script');
          script.src = address; script.onload = script.onerror = done;
          document.body.append(script)})""",
        address,
    )
    assert page.evaluate("window.ran") is None
    if mime == "image/png":
        visit.goto(address)
        assert page.evaluate("window.ran") is None
    else:
        with page.expect_download():
            page.evaluate("address => { location.href = address }", address)
