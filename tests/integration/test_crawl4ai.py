"""A service of Crawl4AI that fetches in our place: what it is handed, and what becomes of its answers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.utils import timezone

from crawl.fetchers.crawl4ai import ServiceUnavailable
from crawl.models import CrawlDay, CrawledPage
from crawl.selectors import current
from crawl.services import follow, visit
from tests.crawl_fixtures import crawl, linking
from tests.crawl_site import Page, article

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "The harbor stays closed until noon because of the storm, the dispatcher says. " * 4


class _Handler(BaseHTTPRequestHandler):
    service: "Service"

    def log_message(self, *_):
        """Say nothing."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.service.asked.append((self.path, asked["urls"], self.headers.get("Authorization")))
        body = json.dumps({"success": True, "results": [self.service.result]}).encode()
        self.send_response(self.service.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Service:
    """Answers every page with `result`, as a stand-in for Crawl4AI's server."""

    def __init__(self):
        self.asked, self.status = [], 200
        self.result = {"success": True, "status_code": 200, "html": ""}
        handler = type("Bound", (_Handler,), {"service": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def service(site, settings):
    service = Service()
    settings.CRAWL = settings.CRAWL.model_copy(update={"crawl4ai_url": service.url})
    visit.forget_fetcher()
    yield service
    service.server.shutdown()
    service.server.server_close()


def visited(site, path: str = "/1") -> CrawledPage:
    crawl(linking(site.url(path)), now=timezone.now())
    return CrawledPage.objects.get(url=site.url(path))


@pytest.mark.costly
def test_the_service_fetches_and_we_only_ask_robots(site, service):
    service.result["html"] = article("Made by scripts", TEXT).body.decode()

    page = visited(site)

    assert (page.state, page.title) == ("read", "Made by scripts")
    assert "until noon" in current(page).text
    assert service.asked == [("/crawl", [site.url("/1")], None)]
    assert site.asked == ["/robots.txt"]


def test_a_key_is_sent(site, service, settings):
    token = type(settings.CRAWL.crawl4ai_api_token)("hush")
    settings.CRAWL = settings.CRAWL.model_copy(update={"crawl4ai_api_token": token})
    visit.forget_fetcher()

    visited(site)

    assert service.asked[0][2] == "Bearer hush"


@pytest.mark.parametrize(
    ("result", "state", "reason"),
    [
        ({"success": False, "status_code": 404, "html": ""}, "gone", "gone"),
        ({"success": False, "error_message": "net::ERR_FAILED"}, "waiting", "unreachable"),
        ({"status_code": 200, "html": "x" * 2000}, "refused", "too_large"),
        ({"status_code": 200, "html": "%PDF", "response_headers": {"Content-Type": "application/pdf"}},
         "refused", "not_html"),
        ({"status_code": 200, "html": "", "redirected_url": "http://169.254.169.254/latest"},
         "refused", "address_refused"),
        ({"status_code": 200, "html": "", "redirected_url": "http://localhost/"}, "refused", "host_denied"),
        (None, "waiting", "unreachable"),
        ({"status_code": 200, "html": 5}, "waiting", "unreachable"),
        ({"status_code": 99_999, "html": ""}, "waiting", "unreachable"),
        ({"status_code": -1, "html": "", "error_message": "a\x00"}, "waiting", "unreachable"),
        ({"status_code": 200, "html": "", "response_headers": {"Content-Type": "a/\x00"}},
         "refused", "not_html"),
        ({"status_code": 200, "html": "", "redirected_url": "http://site.example/\x00"},
         "refused", "address_refused"),
    ],
)  # fmt: skip
def test_what_it_says_is_an_outcome_of_the_page(site, service, settings, result, state, reason):
    settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_max_bytes": 1024})
    visit.forget_fetcher()
    service.result = result

    page = visited(site)

    assert (page.state, page.reason) == (state, reason)


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://10.0.0.1:22/", "http://localhost/"])  # fmt: skip
def test_it_is_handed_no_address_where_we_would_not_go(site, service, url):
    post = linking(url)
    crawl(post, now=timezone.now())

    assert service.asked == []
    assert not CrawledPage.objects.exclude(state="refused").exists()


def test_robots_keep_it_out_as_well(site, service):
    site.pages["/robots.txt"] = Page(b"User-agent: *\nDisallow: /\n")

    assert visited(site).reason == "robots_txt_denied"
    assert service.asked == []


@pytest.mark.parametrize(("status", "counted"), [(401, 0), (500, 1), (None, 0)])
def test_while_it_does_not_answer_no_page_is_to_blame(site, service, status, counted):
    if status is None:
        service.server.shutdown()  # else its thread may take one connection more
        service.server.server_close()
    service.status = status
    post = linking(site.url("/1"))
    follow.follow_post(post.pk, tenant_id=post.tenant_id, now=timezone.now())
    page = CrawledPage.objects.get()

    with pytest.raises(ServiceUnavailable, match="CRAWL4AI_URL"):
        visit.visit(page.pk, now=timezone.now())

    page.refresh_from_db()
    assert (page.state, page.attempts, page.claim_id) == ("requested", 0, None)
    # An outage of an hour does not use up the day; what may have been fetched counts.
    assert CrawlDay.objects.get().used == counted
