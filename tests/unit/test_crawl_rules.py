"""What crawling decides without asking anybody: addresses, the policy, what an answer means."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protego import Protego
from pydantic import ValidationError

from crawl.canonicalize import canonicalize, url_hash
from crawl.fetchers.http import MIMES, _content_type, _retry_after
from crawl.fetchers.port import Answer, FetchFailed
from crawl.limits import robots
from crawl.models import CrawledPage
from crawl.policy import Rules, Said, address_of, decide, host_is_open
from crawl.reasons import WORDS, Reason
from crawl.selectors import difference
from crawl.services.outcome import BACK_OFF, after_failure, failure_of
from telegram_assistant.config.crawl import Crawl

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
URL = "https://news.example/a"


class TestAddresses:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            # Facts 7 and 8 of the contract.
            ("HTTPS://Example.COM:443/Path/?b=2&a=1&utm_source=x#f", "https://example.com/Path?a=1&b=2"),
            ("http://e.com/?href=1&preference=2&resource=3", "http://e.com/?href=1&preference=2&resource=3"),
            ("http://e.com/?ref=1&source=2&campaign=3&fbclid=4&gclid=5", "http://e.com/"),
            ("http://e.com/?UTM_Campaign=1&utm_whatever=2&utm=3", "http://e.com/?utm=3"),
            ("http://e.com/?refresh=1&xutm_source=2", "http://e.com/?refresh=1&xutm_source=2"),
            ("http://e.com/?a=&b", "http://e.com/?a=&b"),
            ("http://e.com/?a=%d1%8f", "http://e.com/?a=%D1%8F"),
            ("http://e.com/я?q=я", "http://e.com/%D1%8F?q=%D1%8F"),
            ("http://e.com:80", "http://e.com/"),
            ("http://e.com:8080/a//", "http://e.com:8080/a"),
            ("https://e.com:80/", "https://e.com:80/"),
            ("http://ПРИМЕР.РФ/Путь", "http://xn--e1afmkfd.xn--p1ai/%D0%9F%D1%83%D1%82%D1%8C"),
            ("http://e.com./", "http://e.com/"),
            # Neither is another site: `fass.example`, `οδοσ.example`.
            ("http://faß.example/", "http://xn--fa-hia.example/"),
            ("http://οδος.example/", "http://xn--pxavbm.example/"),
            ("http://❤.example/", "http://xn--qei.example/"),
            ("http://[::1]:80/", "http://[::1]/"),
            # Nothing that hides where it leads is made to look better.
            ("http://user:pw@E.com/", "http://user:pw@e.com/"),
            ("http://0x7f.1/", "http://0x7f.1/"),
            # What cannot be read stays as it is.
            ("http://[::1", "http://[::1"),
            ("no address", "no address"),
            ("", ""),
        ],
    )  # fmt: skip
    def test_fact_007_008_one_spelling(self, given, expected):
        assert canonicalize(given) == expected

    def test_fact_009_what_only_says_where_a_reader_came_from_makes_no_other_page(self):
        assert url_hash("http://e.com/a?x=1&y=2#top") == url_hash(
            "http://e.com/a?utm_term=t&y=2&x=1#end"
        )
        assert url_hash("http://e.com/a?x=1") != url_hash("http://e.com/a?x=2")

    @settings(max_examples=50)
    @given(st.text(max_size=60))
    def test_it_never_fails_and_twice_is_once(self, text):
        once = canonicalize(f"http://e.com/{text}")

        assert canonicalize(once) == once
        assert isinstance(address_of(text), str)

    @pytest.mark.parametrize(
        ("link", "address"),
        [
            ("example.com/a", "http://example.com/a"),
            ("mailto:a@example.com", ""),
            ("tel:+7", ""),
            ("ftp://example.com", ""),
            ("tg://resolve?domain=x", ""),
            ("javascript:alert(1)", ""),
            ("https://e.com/" + "x" * 3000, ""),
        ],
    )
    def test_what_a_link_leads_to(self, link, address):
        assert address_of(link) == address


class TestPolicy:
    @pytest.mark.parametrize(
        ("said", "trigger", "skip"),
        [
            (Said("No links", []), None, "no_urls"),
            (Said(f"See {URL}", [URL]), "url_in_text", None),
            (Said("See here", [URL], hashtags=["#Longread"]), "trigger_tag", None),
            (Said("Смотри", [URL], hashtags=["Машинное_обучение"]), "trigger_tag", None),
            (Said("See here", [URL], tags=["computer vision"]), "trigger_tag", None),
            (Said("word " * 50, [URL]), "word_count", None),
            (Said("word " * 49, [URL], has_media=True), "text_length", None),
            (Said("x" * 200, [URL]), "text_length", None),
            (Said("See here", [URL], has_media=True), "media", None),
            (Said("See here", [URL]), None, "below_word_count"),
            (Said("See here", [URL], tags=["football"]), None, "no_trigger_tags"),
            (Said("https://t.me/x/1", ["https://t.me/x/1"]), None, "host_denied"),
            (Said("mailto:a@b.c", ["mailto:a@b.c"]), None, "no_urls"),
            (Said(f"{URL} {'word ' * 99}", [URL], tags=["ai"], has_media=True), "url_in_text", None),
        ],
    )  # fmt: skip
    def test_the_first_reason_that_holds(self, said, trigger, skip):
        decision = decide(said, Rules())

        assert (decision.trigger, decision.skip) == (trigger, skip)
        assert bool(decision.urls) == (trigger is not None)

    def test_each_page_once_in_the_order_of_the_post_and_not_too_many(self):
        links = [f"https://e.com/{n}?utm_source=a" for n in range(9)] + ["https://e.com/1"]
        urls = decide(Said(" ".join(links), links), Rules(most_links=4)).urls

        assert urls == [f"https://e.com/{n}" for n in range(4)]

    def test_lists_name_hosts_with_those_below_them(self):
        rules = Rules(denied=frozenset({"t.me"}), allowed=frozenset({"e.com"}))

        opened = {
            url: host_is_open(url, rules)
            for url in ("http://a.e.com/", "http://e.com/", "http://evile.com/", "http://x.t.me/")
        }
        assert list(opened.values()) == [True, True, False, False]


class TestOutcomes:
    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            (200, None), (304, None), (404, "gone"), (410, "gone"), (401, "http_error"),
            (418, "http_error"), (429, "rate_limited"), (500, "server_error"), (599, "server_error"),
        ],
    )  # fmt: skip
    def test_what_a_status_means(self, status, reason):
        failure = failure_of(Answer(status, URL, mime="text/html"), mimes=MIMES)

        assert (failure.reason if failure else None) == reason

    @pytest.mark.parametrize(
        ("said", "attempts", "pause"),
        [
            (None, 1, timedelta(seconds=120)),
            (timedelta(seconds=9), 1, timedelta(seconds=9)),
            (timedelta(hours=9), 1, timedelta(seconds=120)),
            (timedelta(hours=9), 2, BACK_OFF[1]),
        ],
    )
    def test_429_waits_two_minutes_at_most_and_is_granted_one_retry(self, said, attempts, pause):
        failure = FetchFailed(Reason.RATE_LIMITED, again=True, after=said)

        outcome = after_failure(CrawledPage(attempts=attempts), failure, status=429, now=NOW)

        assert outcome.due_at == NOW + pause

    @pytest.mark.parametrize(("version", "state"), [(0, "failed"), (3, "gone")])
    def test_who_never_answers_again_is_gone_if_it_was_ever_there(self, version, state):
        page = CrawledPage(attempts=len(BACK_OFF) + 1, version=version)
        failure = FetchFailed(Reason.UNREACHABLE, again=True)

        assert after_failure(page, failure, status=None, now=NOW).state == state

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("text/html; charset=windows-1251", ("text/html", "windows-1251")),
            ('TEXT/HTML;Charset="utf-8"', ("text/html", "utf-8")),
            ("", ("text/html", "")),
            ("application/pdf", ("application/pdf", "")),
            ("text/html; charset=я", ("text/html", "")),
        ],
    )  # fmt: skip
    def test_the_type_of_an_answer(self, header, expected):
        assert _content_type(header) == expected

    @pytest.mark.parametrize(
        "header", ["", "soon", "-5", "9" * 99, "Wed, 21 Oct 1915 07:28:00 GMT"]
    )
    def test_odd_pauses_are_no_reason_to_fail(self, header):
        pause = _retry_after(header)

        assert pause is None or timedelta(0) <= pause <= timedelta(days=1)

    def test_every_reason_is_said_in_words(self):
        assert set(WORDS) == set(Reason)


def test_a_difference_shows_what_came_and_went():
    assert difference("a\nb\nc", "a\nB\nc") == ["-b", "+B"]


class TestRobots:
    @pytest.mark.parametrize(
        ("text", "rules"),
        [
            ("User-agent: *\nDisallow: /a\nAllow: /b\n", 2),
            ("User-agent: a\nUser-agent: b\nDisallow: /a\nDisallow: /b\n", 4),
            ("User-agent: a\nDisallow: /a\n\nUser-agent: b\nDisallow: /b\n", 2),
            ("# all\nSitemap: /s.xml\nDisallow: /a\n", 0),
            # Whatever protego may take for one group is counted as one.
            ("User-agent: a\nSitemap: /s\nUser-agent: b\nDisallow: /a\n", 3),
            ("User-agent: a\nUser-agent: b\nDisallow: /\nuser x\nUser-agent: c\nDisallow: /\n", 6),
        ],
    )
    def test_rules_are_counted_for_each_name_of_their_group(self, text, rules):
        assert robots.count_rules(text) == rules

    @settings(max_examples=300)
    @given(
        st.lists(
            st.sampled_from(
                [
                    "User-agent: a", "useragent: b", "User agent c", "USER-AGENT:d", "User-agent:",
                    "Disallow: /x", "Allow: /y", "dissalow: /z", "Disallow:", "Crawl-delay: 1",
                    "Sitemap: s", "Host: h", "odd", "odd: x", "userx: 1", "", "# c", "Allow /q",
                ]
            ),
            max_size=40,
        )
    )  # fmt: skip
    @pytest.mark.costly
    def test_never_fewer_are_counted_than_protego_makes(self, lines):
        text = "\n".join(lines)
        made = Protego.parse(text)._user_agents.values()

        assert sum(len(one._rules) for one in made) <= robots.count_rules(text)


class TestListsOfHosts:
    @pytest.mark.parametrize(
        ("listed", "url"),
        [
            ("пример.рф", "http://xn--e1afmkfd.xn--p1ai/"),
            ("Example.COM.", "http://www.example.com/"),
            ("*.example.com", "http://a.example.com/"),
            (".example.com, b.example", "http://b.example/"),
            ("[::1]", "http://[0:0::1]/"),
        ],
    )
    def test_a_host_is_denied_however_it_is_written(self, listed, url):
        denied = Crawl(crawl_deny_hosts=listed).names("crawl_deny_hosts")

        assert not host_is_open(canonicalize(url), Rules(denied=frozenset(denied)))

    @pytest.mark.parametrize("listed", ["https://example.com/", "10.0.0.0/8", "a b", "t.me;vk.com"])
    def test_what_is_no_host_is_refused_rather_than_ignored(self, listed):
        with pytest.raises(ValidationError, match="no name of a host"):
            Crawl(crawl_deny_hosts=listed)
