"""From the link of a post to the article that it is found by: followed, visited, stored, told."""

import gzip
import itertools
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import OperationalError, transaction
from django.db import connections as databases
from django.utils import timezone

from accounts.models import AuditEntry, Role
from crawl import claims, metrics, selectors, tasks
from crawl.eviction import unlink
from crawl.extraction.process import Extractor, PageUnreadable
from crawl.fetchers.checks import no_proxy_is_in_the_way
from crawl.fetchers.port import FetchFailed
from crawl.limits import budgets, hosts
from crawl.limits.hosts import HostBusy
from crawl.models import CrawlDay, CrawlDomain, CrawledPage, CrawlHost, PageVersion, RobotsFile
from crawl.services import ask, follow, visit, visit_post
from events import outbox
from events.console import list_of, page_of
from events.delivery import worker
from events.errors import RetryLater
from events.models import Delivery, OutboxEvent
from events.schemas import PostEnrichedEventV1
from events.workers import liveness
from media.posts import post_events
from search.services.find import search
from storage_quota.models import StoredObject
from tests import factories as make
from tests.crawl_fixtures import crawl, linking
from tests.crawl_site import Page, article
from vision.models import PostEnrichment

pytestmark = pytest.mark.django_db(transaction=True)
HARBOR = ("Harbor closed", "The harbor stays closed until noon because of the storm, the dispatcher says. " * 4)  # fmt: skip


def page_at(site, path: str) -> CrawledPage:
    return CrawledPage.objects.get(url=site.url(path))


def told(post) -> list[PostEnrichedEventV1]:
    found = OutboxEvent.objects.filter(topic="posts.enriched").order_by("pk")
    events = [PostEnrichedEventV1.model_validate(one.payload) for one in found]
    return [one for one in events if one.post_id == str(post.pk)]


@pytest.fixture
def harbor(site):
    """A post that points to an article."""
    site.pages["/harbor"] = article(*HARBOR)
    return linking(site.url("/harbor?utm_source=telegram#top"))


class TestArticle:
    def test_it_is_read_stored_and_told(self, site, harbor):
        crawl(harbor, now=timezone.now())

        page = page_at(site, "/harbor")
        version = selectors.current(page)
        assert (page.state, page.reason, page.http_status) == ("read", "fetched", 200)
        assert version.title == "Harbor closed"
        assert version.author == "Anna Ivanova"
        assert version.published_on.isoformat() == "2026-11-20"
        assert version.language == "en"
        assert version.top_image == site.url("/harbor.jpg")
        assert "until noon" in version.text
        assert "zebra" not in version.text
        assert "rights reserved" not in version.text
        [event] = told(harbor)
        assert event.idempotency_key == f"{harbor.pk}:enriched:v1"
        assert (event.skipped, event.quality_score) == (False, 1)
        assert event.source_urls == [site.url("/harbor")]
        row = PostEnrichment.objects.get(post=harbor, kind="crawl")
        assert (row.status, row.s3_crawl_keys) == ("ok", [page.html_key, page.markdown_key])

    def test_fact_006_the_bucket_has_it_packed_under_the_keys_of_the_contract(
        self, site, harbor, store
    ):
        crawl(harbor, now=timezone.now())

        page = page_at(site, "/harbor")
        key = f"crawl/{page.tenant_id}/{page.url_hash[:2]}/{page.url_hash}"
        assert (page.html_key, page.markdown_key) == (f"{key}.html", f"{key}.md")
        html = _raw(store, page.html_key)
        assert html[:2] == b"\x1f\x8b"
        assert gzip.decompress(html) == site.pages["/harbor"].body
        assert b"# Harbor closed" in gzip.decompress(_raw(store, page.markdown_key))
        rows = StoredObject.objects.filter(tenant=page.tenant_id)
        assert {row.content_type for row in rows} == {"crawl"}

    def test_the_post_is_found_by_what_its_article_says(self, site, harbor):
        crawl(harbor, now=timezone.now())
        worker.drain("search")

        found = search(make.superuser(), "dispatcher storm")

        assert [hit.post_id for hit in _hits(found)] == [harbor.pk]

    def test_two_posts_with_one_page_in_other_spellings_share_it(self, site, harbor):
        other = linking(site.url("/harbor/?fbclid=1"), of=harbor.channel)

        crawl(harbor, now=timezone.now())
        crawl(other, now=timezone.now())

        [page] = CrawledPage.objects.all()
        assert set(page.posts.all()) == {harbor, other}
        assert [len(told(post)) for post in (harbor, other)] == [1, 1]
        assert site.asked.count("/harbor") == 2
        assert page.version == 1

    def test_tenants_have_pages_of_their_own(self, site, harbor):
        other = linking(site.url("/harbor"))

        crawl(harbor, now=timezone.now())
        crawl(other, now=timezone.now())

        assert {page.tenant_id for page in CrawledPage.objects.all()} == {
            harbor.tenant_id,
            other.tenant_id,
        }

    def test_a_link_that_an_edit_removes_is_the_posts_no_more(self, site, harbor):
        crawl(harbor, now=timezone.now())
        harbor.urls, harbor.content = [], "Nothing to read"
        harbor.save()

        crawl(harbor, now=timezone.now())
        worker.drain("search")

        assert list(harbor.crawled_pages.all()) == []
        assert [event.skipped for event in told(harbor)] == [False, True]
        assert _hits(search(make.superuser(), "dispatcher")) == ()

    def test_no_room_in_the_bucket_still_gives_the_text(self, site, harbor, settings):
        by_type = {**settings.LIMITS.by_type, "crawl": 0}
        settings.LIMITS = replace(settings.LIMITS, by_type=by_type)

        crawl(harbor, now=timezone.now())

        page = page_at(site, "/harbor")
        assert (page.state, page.reason, page.html_key) == ("read", "no_room", "")
        assert selectors.current(page).text


def _raw(store, key: str) -> bytes:
    with store.open(key, raw=True) as stored:
        return stored.read()


def _hits(found):
    return found.hits


class TestAgain:
    def test_fact_107_what_has_not_changed_is_not_downloaded(self, site, harbor):
        crawl(harbor, now=timezone.now())
        sent = site.sent
        before = metrics.CACHE_HITS.labels("not_modified")._value.get()

        ask.again([page_at(site, "/harbor").pk], now=timezone.now())
        worker.drain("crawl")

        page = page_at(site, "/harbor")
        assert (page.state, page.reason, page.http_status) == ("read", "not_modified", 304)
        assert site.sent == sent
        assert metrics.CACHE_HITS.labels("not_modified")._value.get() == before + 1
        assert selectors.current(page).text

    def test_what_was_asked_lately_is_not_asked_again(self, site, harbor, settings):
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_fresh_minutes": 60})
        crawl(harbor, now=timezone.now())
        asked = len(site.asked)
        before = metrics.CACHE_HITS.labels("fresh")._value.get()

        crawl(linking(site.url("/harbor"), of=harbor.channel), now=timezone.now())

        assert len(site.asked) == asked
        assert metrics.CACHE_HITS.labels("fresh")._value.get() == before + 1

    def test_a_page_that_changed_has_a_version_more_and_says_what_changed(self, site, harbor):
        crawl(harbor, now=timezone.now())
        site.pages["/harbor"] = article(HARBOR[0], HARBOR[1].replace("noon", "evening"))

        ask.again([page_at(site, "/harbor").pk], now=timezone.now())
        worker.drain("crawl")

        page = page_at(site, "/harbor")
        assert [v.number for v in selectors.versions_of(page)] == [2, 1]
        changes = "\n".join(selectors.changes_of(page))
        assert "until evening" in changes
        assert "-The harbor stays closed until noon" in changes.replace("- ", "-")
        assert len(told(harbor)) == 2

    def test_a_menu_that_changed_is_no_version(self, site, harbor):
        crawl(harbor, now=timezone.now())
        page = site.pages["/harbor"]
        site.pages["/harbor"] = Page(page.body.replace(b"zebra club", b"walrus club"))

        ask.again([page_at(site, "/harbor").pk], now=timezone.now())
        worker.drain("crawl")

        assert page_at(site, "/harbor").version == 1
        assert len(told(harbor)) == 1

    def test_a_dead_page_keeps_what_it_said_and_since_when_it_is_gone(self, site, harbor):
        crawl(harbor, now=timezone.now())
        site.pages["/harbor"] = Page(status=410, etag=False)
        ask.again([page_at(site, "/harbor").pk], now=timezone.now())
        worker.drain("crawl")
        first = page_at(site, "/harbor")
        ask.again([first.pk], now=timezone.now())
        worker.drain("crawl")

        page = page_at(site, "/harbor")
        assert (page.state, page.http_status) == ("gone", 410)
        assert page.gone_since == first.gone_since is not None
        assert "until noon" in selectors.current(page).text
        site.pages["/harbor"] = article(*HARBOR)
        ask.again([page.pk], now=timezone.now())
        worker.drain("crawl")
        assert (page_at(site, "/harbor").state, page_at(site, "/harbor").gone_since) == (
            "read",
            None,
        )

    def test_what_the_bucket_lost_is_fetched_as_a_whole(self, site, harbor):
        crawl(harbor, now=timezone.now())
        page = page_at(site, "/harbor")
        unlink([page.html_key])

        ask.again([page.pk], now=timezone.now())
        worker.drain("crawl")

        assert page_at(site, "/harbor").html_key == page.html_key
        assert page_at(site, "/harbor").reason == "fetched"


class TestTrouble:
    @pytest.mark.sampled(4)
    @pytest.mark.parametrize(
        ("page", "state", "reason"),
        [
            (Page(status=404, etag=False), "gone", "gone"),
            (Page(status=403, etag=False), "refused", "http_error"),
            (Page(status=451, etag=False), "refused", "http_error"),
            (Page(status=503, etag=False), "waiting", "server_error"),
            (Page(status=429, etag=False, headers={"Retry-After": "9"}), "waiting", "rate_limited"),
            (Page(b"%PDF", headers={"Content-Type": "application/pdf"}), "refused", "not_html"),
            (Page(b"", etag=False), "read", "no_article"),
            (Page(b"<html><title>t</title></html>", etag=False), "read", "no_article"),
            (Page(b"x" * 5000, headers={"X": "y"}), "refused", "too_large"),
            (Page(status=302, headers={"Location": "/loop"}), "refused", "too_many_redirects"),
        ],
    )
    def test_fact_108_it_is_an_outcome_and_no_retry_without_end(
        self, site, settings, page, state, reason
    ):
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_max_bytes": 4096})
        site.pages["/loop"] = page
        post = linking(site.url("/loop"))

        visit.forget_fetcher()
        crawl(post, now=timezone.now())

        row = page_at(site, "/loop")
        assert (row.state, row.reason) == (state, reason)
        assert not Delivery.objects.filter(queue="crawl").exclude(state="done").exists()
        assert len(told(post)) == 1

    @pytest.mark.costly
    def test_the_pauses_between_visits_grow_and_have_an_end(self, site, settings):
        site.pages["/away"] = Page(status=500, etag=False)
        crawl(linking(site.url("/away")), now=timezone.now())
        page, pauses = page_at(site, "/away"), []
        while page.state == "waiting":
            pauses.append(page.due_at)
            CrawledPage.objects.update(due_at=timezone.now())
            assert ask.due(now=timezone.now()) == 1
            worker.drain("crawl")
            page.refresh_from_db()

        assert page.state == "failed"
        assert len(pauses) == 4
        assert site.asked.count("/away") == 5

    def test_a_host_that_is_denied_is_not_followed_by_a_redirect(self, site, settings):
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_deny_hosts": "other.example"})
        site.pages["/to"] = Page(
            status=302, headers={"Location": site.url("/harbor", host="other.example")}
        )
        crawl(linking(site.url("/to")), now=timezone.now())

        assert page_at(site, "/to").reason == "host_denied"
        assert "/harbor" not in site.asked

    def test_a_redirect_says_where_the_page_is(self, site):
        site.pages["/old"] = Page(status=301, headers={"Location": "/new"})
        site.pages["/new"] = article(*HARBOR)
        crawl(linking(site.url("/old")), now=timezone.now())

        page = page_at(site, "/old")
        assert (page.state, page.final_url) == ("read", site.url("/new"))

    def test_a_cookie_is_kept_on_the_way_of_one_visit_and_no_longer(self, site):
        """What one page sets would follow every tenant to each later page, and fill the memory."""
        site.pages["/to"] = Page(
            status=302, headers={"Location": "/in", "Set-Cookie": "seen=yes; Path=/"}, etag=False
        )
        site.pages["/in"] = article(*HARBOR)
        crawl(linking(site.url("/to")), now=timezone.now())
        crawl(linking(site.url("/later"), of=make.channel()), now=timezone.now())

        sent = dict(zip(site.asked, (one.get("Cookie") for one in site.headers), strict=True))
        assert sent == {"/robots.txt": None, "/to": None, "/in": "seen=yes", "/later": None}

    def test_a_proxy_of_the_environment_is_not_the_pages_fault(
        self, site, harbor, settings, monkeypatch
    ):
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
        monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
        [warned] = no_proxy_is_in_the_way()
        crawl(harbor, now=timezone.now())

        assert "NO_PROXY=*" in warned.msg
        assert page_at(site, "/harbor").state == "requested"
        assert Delivery.objects.filter(subscriber="crawl.visit", state="pending").exists()
        assert not CrawlDay.objects.exists()

        monkeypatch.delenv("HTTPS_PROXY")
        monkeypatch.delenv("HTTP_PROXY")
        Delivery.objects.update(due_at=timezone.now())
        worker.drain("crawl")

        assert page_at(site, "/harbor").state == "read"
        assert no_proxy_is_in_the_way() == []

    def test_nothing_happens_while_it_is_switched_off(self, site, harbor, settings):
        settings.CRAWL = settings.CRAWL.model_copy(update={"feature_crawl_enabled": False})
        crawl(harbor, now=timezone.now())

        assert site.asked == []
        with pytest.raises(ask.CrawlingSwitchedOff):
            ask.again([], now=timezone.now())


class TestRobots:
    def test_who_is_kept_out_stays_out_also_behind_a_redirect(self, site):
        site.pages["/robots.txt"] = Page(b"User-agent: *\nDisallow: /private\n")
        site.pages["/private/1"] = article(*HARBOR)
        site.pages["/to"] = Page(status=302, headers={"Location": "/private/1"})
        crawl(linking(site.url("/private/1"), site.url("/to")), now=timezone.now())

        assert {page.reason for page in CrawledPage.objects.all()} == {"robots_txt_denied"}
        assert site.asked == ["/robots.txt", "/to"]

    def test_our_name_is_looked_for(self, site):
        site.pages["/robots.txt"] = Page(
            b"User-agent: TelegramAssistant\nDisallow: /\n\nUser-agent: *\nDisallow:\n"
        )
        crawl(linking(site.url("/harbor")), now=timezone.now())

        assert page_at(site, "/harbor").reason == "robots_txt_denied"
        assert site.headers[0]["User-Agent"].startswith("TelegramAssistant/")

    def test_a_server_that_cannot_say_is_asked_later(self, site):
        site.pages["/robots.txt"] = Page(status=503, etag=False)
        crawl(linking(site.url("/harbor")), now=timezone.now())

        page = page_at(site, "/harbor")
        assert (page.state, page.reason) == ("waiting", "robots_txt_unavailable")
        assert site.asked == ["/robots.txt"]

    def test_names_and_rules_that_fill_the_memory_together_are_not_read(self, site):
        """Half a megabyte of them would be 300 million rules."""
        names = b"".join(b"User-agent: a%d\n" % number for number in range(1000))
        site.pages["/robots.txt"] = Page(names + b"Disallow: /a\n" * 1000)
        crawl(linking(site.url("/harbor")), now=timezone.now())

        page = page_at(site, "/harbor")
        assert (page.state, page.reason) == ("waiting", "robots_txt_unavailable")
        assert (page.details, site.asked) == ("too many rules", ["/robots.txt"])

    def test_what_is_too_old_to_be_obeyed_is_not_kept(self, site):
        for days in (0, 2):
            RobotsFile.objects.create(
                origin=f"http://{days}.example:80", read_at=timezone.now() - timedelta(days=days)
            )

        assert tasks.forget_robots() == "1 robots.txt forgotten"
        assert RobotsFile.objects.get().origin == "http://0.example:80"

    def test_one_that_was_read_while_the_clock_was_ahead_is_read_again(self, site, harbor):
        crawl(harbor, now=timezone.now())
        RobotsFile.objects.update(read_at=timezone.now() + timedelta(days=400))
        crawl(linking(site.url("/harbor")), now=timezone.now())

        assert site.asked.count("/robots.txt") == 2

    def test_it_is_read_once_a_day(self, site, harbor):
        crawl(harbor, now=timezone.now())
        crawl(linking(site.url("/harbor")), now=timezone.now())
        assert site.asked.count("/robots.txt") == 1

        RobotsFile.objects.update(read_at=timezone.now() - timedelta(days=2))
        crawl(linking(site.url("/harbor")), now=timezone.now())
        assert site.asked.count("/robots.txt") == 2


class TestBudgets:
    def test_the_tenants_day(self, site, settings):
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_tenant_pages_per_day": 2})
        post = linking(*(site.url(f"/{n}") for n in range(4)))
        crawl(post, now=timezone.now())

        states = [page.reason for page in post.crawled_pages.all()]
        assert sorted(states) == ["gone", "gone", "tenant_budget", "tenant_budget"]
        waiting = post.crawled_pages.filter(state="waiting").first()
        midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        assert abs(waiting.due_at - midnight - timedelta(days=1)) < timedelta(seconds=5)
        assert ask.due(now=timezone.now()) == 0

    def test_the_domains_hour_begins_anew(self, site, settings):
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_domain_pages_per_hour": 1})
        post = linking(site.url("/1"), site.url("/2"))
        crawl(post, now=timezone.now())
        assert post.crawled_pages.filter(reason="domain_budget").count() == 1

        CrawlDomain.objects.update(hour=timezone.now() - timedelta(hours=2))
        CrawledPage.objects.filter(state="waiting").update(due_at=timezone.now())
        ask.due(now=timezone.now())
        worker.drain("crawl")
        assert post.crawled_pages.filter(state="waiting").count() == 0

    @pytest.mark.parametrize(
        ("common", "own", "fetched"), [(1, 3, 3), (9, 1, 1), (0, 2, 2), (9, 0, 0)]
    )
    def test_what_people_set_for_a_domain_goes_before_what_all_have(
        self, site, settings, common, own, fetched
    ):
        """In an hour that has begun, and in the next one, which begins with nothing used."""
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_domain_pages_per_hour": common})
        owner, hour = make.tenant(), timezone.now().replace(minute=0, second=0, microsecond=0)
        old = hour - timedelta(hours=1)
        CrawlDomain.objects.create(tenant=owner, host="a.example", hour=old, used=50, budget=own)

        for now in (hour, hour + timedelta(hours=1)):
            assert [_takes(owner, "a.example", now) for _ in range(4)].count(True) == fetched
            assert [_takes(owner, "b.example", now) for _ in range(4)].count(True) == min(4, common)
        assert CrawlDomain.objects.get(host="a.example").budget == own

    def test_visitors_on_both_sides_of_the_turn_of_an_hour_share_the_budget(self, settings):
        """Each of them would else begin the hour anew after the other."""
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_domain_pages_per_hour": 3})
        owner, hour = make.tenant(), timezone.now().replace(minute=0, second=0, microsecond=0)
        before = hour - timedelta(seconds=1)

        taken = [_takes(owner, "a.example", now) for now in (before, hour) * 5]

        assert taken.count(True) == 1 + 3  # the hour that ends, and the one that begins
        CrawlDomain.objects.update(hour=hour + timedelta(days=1))  # by a clock that was wrong
        assert _takes(owner, "a.example", hour)

    @pytest.mark.costly
    def test_a_budget_that_is_raised_in_the_console_lets_waiting_pages_go(
        self, site, settings, client
    ):
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_domain_pages_per_hour": 1})
        post = linking(*(site.url(f"/{n}") for n in range(4)))
        crawl(post, now=timezone.now())
        domain = CrawlDomain.objects.get()
        client.force_login(make.member(Role.ADMINISTRATOR, post.tenant))
        CrawlDomain.objects.update(used=2)  # somebody fetches while the form is open

        for budget in ("3", "-1", "1000001", "much"):
            client.post(page_of(CrawlDomain, domain.pk), {"budget": budget, "used": "0"})
        domain.refresh_from_db()
        assert (domain.budget, domain.used) == (3, 2)
        assert AuditEntry.objects.filter(event="row.changed").count() == 1
        ask.due(now=timezone.now())
        worker.drain("crawl")

        assert post.crawled_pages.filter(state="gone").count() == 2
        assert post.crawled_pages.filter(reason="domain_budget").count() == 2

    @pytest.mark.costly
    def test_a_redirect_takes_a_page_of_the_host_it_leads_to(self, site, settings):
        """Once a visit, however many hops there are on that host."""
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_domain_pages_per_hour": 9})
        for number in range(4):
            to = {"Location": site.url("/step", host="other.example")}
            site.pages[f"/{number}"] = Page(status=302, headers=to, etag=False)
        site.pages["/step"] = Page(status=302, headers={"Location": "/harbor"}, etag=False)
        site.pages["/harbor"] = article(*HARBOR)
        post = linking(*(site.url(f"/{n}") for n in range(4)))
        hour = timezone.now().replace(minute=0, second=0, microsecond=0)
        other = CrawlDomain.objects.create(
            tenant=post.tenant, host="other.example", hour=hour, budget=2
        )
        crawl(post, now=timezone.now())

        assert site.asked.count("/harbor") == 2
        assert post.crawled_pages.filter(state="waiting", reason="domain_budget").count() == 2
        CrawlDomain.objects.filter(pk=other.pk).update(budget=0, used=0)
        CrawledPage.objects.filter(state="waiting").update(due_at=timezone.now())
        ask.due(now=timezone.now())
        worker.drain("crawl")
        assert site.asked.count("/harbor") == 2
        assert post.crawled_pages.filter(state="refused", reason="host_denied").count() == 2

    def test_a_host_that_no_name_can_have_is_an_outcome(self, site):
        long = f"http://{'a' * 300}.example/"
        site.pages["/to"] = Page(status=302, headers={"Location": long}, etag=False)
        post = linking(site.url("/to"), long)
        crawl(post, now=timezone.now())

        assert set(post.crawled_pages.values_list("reason", flat=True)) == {"address_refused"}
        assert not Delivery.objects.filter(queue="crawl").exclude(state="done").exists()

    def test_many_at_once_take_no_more_than_there_is(self, site, settings):
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_tenant_pages_per_day": 5})
        owner, taken, now = make.tenant(), [], timezone.now()

        def take():
            try:
                budgets.take(owner.pk, "site.example", now=now)
                taken.append(1)
            except FetchFailed:
                pass
            finally:
                databases.close_all()

        _at_once(take, 12)
        assert len(taken) == 5


def _takes(owner, host, now) -> bool:
    try:
        with transaction.atomic():
            budgets.take(owner.pk, host, now=now)
    except FetchFailed:
        return False
    return True


class TestPoliteness:
    def test_work_for_a_busy_host_comes_back_one_by_one_and_more_than_there_are_places(self):
        returns, now, gap = hosts.Returns(), timezone.now(), timedelta(seconds=1 / 3)

        after = [returns.after("a", earliest=gap, gap=gap, now=now) for _ in range(400)]

        steps = {round((b - a) / gap, 2) for a, b in itertools.pairwise(after[:200])}
        assert after[0] == gap
        assert steps == {0.6}
        assert after[-1] <= returns.HORIZON + gap  # what is recent waits no longer than that
        assert returns.after("b", earliest=gap, gap=gap, now=now) == gap
        later = now + timedelta(hours=1)
        assert returns.after("a", earliest=gap, gap=gap, now=later) == gap
        for number in range(3000):
            moment = later + timedelta(minutes=number)
            returns.after(str(number), earliest=gap, gap=gap, now=moment)
        assert len(returns._next) <= returns.MOST_HOSTS

    def test_no_thread_waits_long_for_one_host(self, site, settings, db):
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_requests_per_minute": 10})
        now = timezone.now()
        with transaction.atomic():
            assert hosts.take_place("c.example", now=now) == timedelta(0)
            with pytest.raises(HostBusy) as busy:
                hosts.take_place("c.example", now=now)
        back = now + busy.value.after
        with transaction.atomic():
            assert timedelta(0) < hosts.take_place("c.example", now=back) < hosts.PATIENCE

    @pytest.mark.costly
    def test_a_host_that_is_known_to_be_full_is_not_asked_about(
        self, site, settings, db, django_assert_num_queries
    ):
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_requests_per_minute": 10})
        pages = [site.url(f"/{number}") for number in range(3)]
        post, now = linking(*pages), timezone.now()
        follow.follow_post(post.pk, tenant_id=post.tenant_id, now=now)
        CrawledPage.objects.filter(url__endswith="/2").update(state="read")

        def visited(page, at):
            return visit_post.visit_pages([page], tenant_id=post.tenant_id, now=at)

        assert visited(pages[0], now) == "1 gone"
        with pytest.raises(RetryLater):
            visited(pages[1], now)
        with django_assert_num_queries(1), pytest.raises(RetryLater) as busy:
            visited(pages[1], now)
        assert visited(pages[2], now) == "1 read"  # needs no place
        place = CrawlHost.objects.get(host="site.example").next_at
        assert place - hosts.PATIENCE < now + busy.value.after < place

        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_requests_per_minute": 6000})
        assert visited(pages[1], place - hosts.PATIENCE) == "1 gone"

    def test_a_clock_that_was_set_back_keeps_no_host_full(self):
        returns, now = hosts.Returns(), timezone.now()
        returns.note_full("a", until=now + timedelta(seconds=3), now=now)

        assert returns.full_for("a", now=now) == timedelta(seconds=3)
        assert not returns.full_for("a", now=now + timedelta(seconds=3))
        assert not returns.full_for("a", now=now - timedelta(hours=1))
        assert not returns.full_for("b", now=now)
        for number in range(3000):
            moment = now + timedelta(minutes=number)
            returns.note_full(str(number), until=moment + timedelta(seconds=1), now=moment)
        assert len(returns._full) <= returns.MOST_HOSTS

    def test_places_of_a_host_are_apart(self, site, settings, db):
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_requests_per_minute": 30})
        now = timezone.now()

        waits = [hosts.pass_on("a.example", now=now).total_seconds() for _ in range(4)]
        with pytest.raises(HostBusy) as busy:
            hosts.pass_on("a.example", now=now)

        assert waits == [0, 2, 4, 6]
        # Early enough to wait for the place, which is eight seconds from now.
        assert busy.value.after == timedelta(seconds=8) - hosts.HOP_PATIENCE / 2
        assert hosts.pass_on("b.example", now=now) == timedelta(0)

    def test_a_clock_that_was_set_back_does_not_close_a_host(self, site, db):
        now = timezone.now()
        CrawlHost.objects.create(host="a.example", next_at=now + timedelta(days=400))

        assert hosts.pass_on("a.example", now=now) < timedelta(seconds=6)

    def test_two_at_once_and_no_more(self, site, settings):
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_per_domain": 2})
        post = linking(*(site.url(f"/{n}") for n in range(3)))
        follow.follow_post(post.pk, tenant_id=post.tenant_id, now=timezone.now())
        pages = list(post.crawled_pages.all())

        held = [claims.claim(page.pk, now=timezone.now()) for page in pages[:2]]
        with pytest.raises(HostBusy):
            claims.claim(pages[2].pk, now=timezone.now())
        claims.cancel(held[0])
        third = claims.claim(pages[2].pk, now=timezone.now())

        assert third is not None
        for one in (held[1], third):
            claims.cancel(one)


def _at_once(work, count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class TestClaims:
    def test_twice_is_once(self, site, harbor):
        crawl(harbor, now=timezone.now())
        Delivery.objects.filter(queue="crawl").update(state="pending")
        worker.drain("crawl")

        assert site.asked.count("/harbor") == 1
        assert PageVersion.objects.count() == len(told(harbor)) == 1

    def test_of_several_at_once_one_fetches(self, site, harbor):
        follow.follow_post(harbor.pk, tenant_id=harbor.tenant_id, now=timezone.now())
        page, said = page_at(site, "/harbor"), []

        def work():
            try:
                said.append(visit.visit(page.pk, now=timezone.now()))
            except RetryLater as later:
                said.append(type(later).__name__)
            finally:
                databases.close_all()

        _at_once(work, 4)

        assert site.asked.count("/harbor") == 1
        assert set(said) <= {"read", "FetchInProgress"}
        assert len(told(harbor)) == 1

    def test_a_worker_that_was_killed_leaves_nothing_behind(self, site, harbor, monkeypatch):
        follow.follow_post(harbor.pk, tenant_id=harbor.tenant_id, now=timezone.now())
        page = page_at(site, "/harbor")
        claim = claims.claim(page.pk, now=timezone.now())
        CrawledPage.objects.update(claimed_by="00000000-0000-0000-0000-000000000001")
        with pytest.raises(claims.FetchInProgress):
            visit.visit(page.pk, now=timezone.now())

        monkeypatch.setattr(liveness, "is_gone", lambda _: True)
        assert claims.release_stale_claims(now=timezone.now()) == 1
        assert visit.visit(page.pk, now=timezone.now()) == "read"

        assert visit._visit_claimed(claim, now=timezone.now()) == "read"  # the dead one awakes
        assert page_at(site, "/harbor").version == 1
        assert len(told(harbor)) == 1

    def test_what_is_not_the_pages_fault_gives_the_claim_back(self, site, harbor, monkeypatch):
        follow.follow_post(harbor.pk, tenant_id=harbor.tenant_id, now=timezone.now())
        page = page_at(site, "/harbor")
        monkeypatch.setattr(visit.shared, "extract", lambda *_, **__: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            visit.visit(page.pk, now=timezone.now())

        page.refresh_from_db()
        assert (page.state, page.attempts, page.claim_id) == ("requested", 0, None)

    def test_a_claim_that_could_not_be_given_back_is_free_within_seconds(
        self, site, harbor, monkeypatch
    ):
        """As when PostgreSQL is away just then: the worker lives, so the claim stood to its end."""
        follow.follow_post(harbor.pk, tenant_id=harbor.tenant_id, now=timezone.now())
        page = page_at(site, "/harbor")

        def no_connection(*_):
            raise OperationalError

        monkeypatch.setattr(visit.shared, "extract", lambda *_, **__: 1 / 0)
        with monkeypatch.context() as patch, pytest.raises(OperationalError):
            patch.setattr(claims, "settle", no_connection)
            visit.visit(page.pk, now=timezone.now())
        assert page_at(site, "/harbor").state == "claimed"

        assert claims.release_stale_claims(now=timezone.now()) == 1
        assert page_at(site, "/harbor").state == "requested"

    def test_a_page_that_kills_its_workers_is_given_up(self, site, harbor):
        follow.follow_post(harbor.pk, tenant_id=harbor.tenant_id, now=timezone.now())
        page = page_at(site, "/harbor")
        CrawledPage.objects.update(attempts=claims.MOST_ATTEMPTS)

        assert visit.visit(page.pk, now=timezone.now()) == "failed"
        assert page_at(site, "/harbor").reason == "given_up"


class TestExtraction:
    @pytest.mark.costly
    def test_one_that_hangs_is_killed_and_the_next_page_is_read(self, monkeypatch):
        extractor = Extractor(seconds=0.2)
        try:
            with pytest.raises(PageUnreadable):
                extractor.extract(b"<p>x</p>" * 10, url="http://e.example/")
            extractor._seconds = 20
            assert extractor.extract(article(*HARBOR).body, url="http://e.example/").text
        finally:
            extractor.close()


class TestDoors:
    def test_the_api_shows_the_article_with_its_versions_and_posts(self, site, harbor, client):
        crawl(harbor, now=timezone.now())
        client.force_login(make.superuser())
        page = page_at(site, "/harbor")

        listed = client.get(f"/api/v1/articles?post_id={harbor.pk}&state=read").json()
        shown = client.get(f"/api/v1/articles/{page.pk}").json()
        of_post = client.get(f"/api/v1/posts/{harbor.pk}").json()["articles"]

        assert [one["id"] for one in listed["results"]] == [str(page.pk)]
        assert client.get("/api/v1/articles?state=gone").json()["total"] == 0
        assert client.get("/api/v1/articles?state=odd").status_code == 422
        assert "until noon" in shown["text"]
        assert shown["post_ids"] == [str(harbor.pk)]
        assert [one["number"] for one in shown["versions"]] == [1]
        assert [one["url"] for one in of_post] == [page.url]

    def test_the_console_fetches_again_and_shows_text_and_posts(self, site, harbor, client):
        crawl(harbor, now=timezone.now())
        client.force_login(get_user_model().objects.create_superuser("root"))
        page = page_at(site, "/harbor")

        html = client.get(page_of(CrawledPage, page.pk)).content.decode()
        chosen = {"action": "fetch_again", "_selected_action": [page.pk]}
        assert client.post(list_of(CrawledPage), chosen).status_code == 302
        worker.drain("crawl")

        assert "until noon" in html
        assert page_of(type(harbor), harbor.pk) in html
        assert page_at(site, "/harbor").reason == "not_modified"

    def test_the_command_asks_and_retries(self, site, settings, capsys):
        site.pages["/harbor"] = article(*HARBOR)
        owner = make.tenant("house")
        url = site.url("/harbor?utm_medium=x")

        call_command("crawl", url, tenant="house", dry_run=True, json=True)
        assert not CrawledPage.objects.exists()
        call_command("crawl", url, tenant="house", json=True)
        worker.drain("crawl")
        assert page_at(site, "/harbor").state == "read"
        CrawledPage.objects.update(state="failed")
        call_command("crawl", retry=True, tenant="house", json=True)
        worker.drain("crawl")

        assert '"found": 1' in capsys.readouterr().out
        assert CrawledPage.objects.get(tenant=owner).state == "read"


class TestASite:
    def _crawled(self, site, count: int) -> None:
        of = make.channel()
        for number in range(count):
            site.pages[f"/{number}"] = article(f"Storm {number}", HARBOR[1])
            post = linking(site.url(f"/{number}"), of=of)
            follow.follow_post(post.pk, tenant_id=post.tenant_id, now=timezone.now())
        self._drain()

    @staticmethod
    def _drain() -> None:
        while CrawledPage.objects.exclude(state="read").exists():
            worker.drain("crawl")

    def _is_downloaded_once_and_politely(self, site, settings, count: int) -> None:
        settings.CRAWL = settings.CRAWL.model_copy(
            update={"crawl_requests_per_minute": 900, "crawl_per_domain": 3}
        )
        self._crawled(site, count)
        times = [at for path, at in site.times if path != "/robots.txt"]
        sent = site.sent

        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_requests_per_minute": 6000})
        CrawlHost.objects.all().delete()
        ask.again(CrawledPage.objects.values_list("pk", flat=True), now=timezone.now())
        self._drain()

        assert len(times) == count
        # A request may be late by nearly a gap, and the next one in time: so may the first and the last.
        assert times[-1] - times[0] >= (count - 2) / 15
        assert site.sent == sent
        assert {page.reason for page in CrawledPage.objects.all()} == {"not_modified"}

    @pytest.mark.costly
    def test_a_few_pages(self, site, settings):
        self._is_downloaded_once_and_politely(site, settings, 10)

    @pytest.mark.long
    def test_a_hundred_pages(self, site, settings):
        self._is_downloaded_once_and_politely(site, settings, 100)


class TestMetrics:
    def test_each_is_counted_with_its_labels(self, site, harbor):
        def counted() -> list[float]:
            return [
                one._value.get()
                for one in (
                    metrics.REQUESTS.labels("read", "fetched"),
                    metrics.REQUESTS.labels("gone", "gone"),
                    metrics.TRIGGERS.labels("crawl", "url_in_text"),
                    metrics.TRIGGERS.labels("skip", "no_urls"),
                    metrics.CACHE_HITS.labels("not_modified"),
                )
            ]

        before = counted()
        crawl(harbor, now=timezone.now())
        crawl(linking(site.url("/nothing"), of=harbor.channel), now=timezone.now())
        crawl(make.post(of=harbor.channel), now=timezone.now())
        ask.again([page_at(site, "/harbor").pk], now=timezone.now())
        worker.drain("crawl")

        assert [new - old for new, old in zip(counted(), before, strict=True)] == [1, 1, 2, 1, 1]
        labels = metrics.LATENCY.labels("site.example", "read")
        assert labels._sum.get() > 0

    def test_hosts_cannot_make_series_without_end(self):
        names = {metrics.host_label(f"h{number}.example") for number in range(500)}

        assert len(names) <= metrics.MOST_HOSTS + 1
        assert metrics.OTHER in names
        metrics._hosts.clear()


class TestEvents:
    def test_what_an_import_publishes_is_followed_and_shown(self, site, harbor, settings):
        def publish(post):
            with transaction.atomic():
                outbox.publish(
                    post_events.parsed(post, post.channel, [], first=True, trace_id="t" * 32)
                )
            return list(
                Delivery.objects.filter(
                    subscriber="crawl.follow", event__payload__post_id=str(post.pk)
                )
            )

        assert len(publish(harbor)) == 1
        assert publish(make.post()) == []
        worker.drain("default")
        worker.drain("crawl")
        assert page_at(site, "/harbor").state == "read"

        settings.CRAWL = settings.CRAWL.model_copy(update={"feature_crawl_enabled": False})
        assert publish(linking(site.url("/other"))) == []
