"""Pages that posts point to: each once for a tenant, with its versions and the posts."""

import uuid
from typing import ClassVar, Final

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Tenant
from accounts.tenant_rows import TenantRows
from events.workers.claim_columns import claim_is_whole
from media.models import Post

MOST_PAGES: Final = 1_000_000
"""Of one host in an hour: as for all domains (CRAWL_DOMAIN_PAGES_PER_HOUR)."""


class PageState(models.TextChoices):
    REQUESTED = "requested", pgettext_lazy("page", "to be fetched")
    CLAIMED = "claimed", pgettext_lazy("page", "being fetched")
    WAITING = "waiting", pgettext_lazy("page", "waits")
    READ = "read", pgettext_lazy("page", "read")
    GONE = "gone", pgettext_lazy("page", "gone")
    REFUSED = "refused", pgettext_lazy("page", "refused")
    FAILED = "failed", pgettext_lazy("page", "failed")


class CrawledPage(models.Model):
    """
    A page, once for each canonical address and tenant.

    `reason` is a code of `crawl.reasons`. `version` is the number of the current version, 0 while
    there is none; what a page said last stays when it is gone. `checked_at` is when the server
    last said what the page is, be it "not changed". A claim is that of one worker; `attempts`
    counts visits in a row that came to nothing.
    """

    tenant_path: ClassVar = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("tenant"),
    )
    url = models.CharField(_("address"), max_length=2000)
    url_hash = models.CharField(max_length=64, editable=False)
    host = models.CharField(_("host"), max_length=253)
    final_url = models.CharField(_("leads to"), max_length=2000, blank=True, default="")
    title = models.CharField(
        pgettext_lazy("page", "title"), max_length=1000, blank=True, default=""
    )
    state = models.CharField(
        _("state"), max_length=16, choices=PageState.choices, default=PageState.REQUESTED
    )
    reason = models.CharField(_("reason"), max_length=50, blank=True, default="")
    details = models.CharField(_("details"), max_length=200, blank=True, default="")
    http_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True, blank=True)
    etag = models.CharField(max_length=200, blank=True, default="", editable=False)
    last_modified = models.CharField(max_length=100, blank=True, default="", editable=False)
    version = models.PositiveIntegerField(_("version"), default=0)
    html_key = models.CharField(_("HTML"), max_length=1024, blank=True, default="")
    markdown_key = models.CharField(_("Markdown"), max_length=1024, blank=True, default="")
    requested_at = models.DateTimeField(_("requested at"))
    seconds = models.FloatField(_("duration, s"), null=True, blank=True)
    due_at = models.DateTimeField(_("next visit"), null=True, blank=True)
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)
    gone_since = models.DateTimeField(_("gone since"), null=True, blank=True)

    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claim_id = models.UUIDField(null=True, blank=True, editable=False)
    claimed_by = models.UUIDField(null=True, blank=True, editable=False)
    claimed_until = models.DateTimeField(_("in work until"), null=True, blank=True)

    posts: "models.ManyToManyField[Post, PageMention]" = models.ManyToManyField(
        Post, through="PageMention", related_name="crawled_pages", verbose_name=_("posts")
    )

    objects = TenantRows()

    class Meta:
        db_table = "crawled_pages"
        verbose_name = _("article")
        verbose_name_plural = _("articles")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "url_hash"], name="crawled_page_once"),
            models.CheckConstraint(
                condition=Q(state__in=PageState.values), name="crawled_page_state_known"
            ),
            models.CheckConstraint(condition=claim_is_whole(), name="crawled_page_claim_is_whole"),
            models.CheckConstraint(
                condition=~Q(state="waiting") | Q(due_at__isnull=False),
                name="crawled_page_waits_for_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="gone") | Q(gone_since__isnull=False),
                name="crawled_page_gone_since_when",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="crawled_page_due", condition=Q(state="waiting")),
            models.Index(
                fields=["host"], name="crawled_page_in_work", condition=Q(state="claimed")
            ),
            models.Index(fields=["tenant", "-requested_at"], name="crawled_page_newest"),
            models.Index(fields=["-requested_at"], name="crawled_page_newest_of_all"),
            models.Index(fields=["html_key"], name="crawled_page_html", condition=~Q(html_key="")),
            models.Index(
                fields=["markdown_key"], name="crawled_page_md", condition=~Q(markdown_key="")
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.url


class PageVersion(models.Model):
    """What a page said from a day on: a new one whenever its text or its title has changed."""

    tenant_path: ClassVar = "page__tenant"

    page = models.ForeignKey(
        CrawledPage,
        on_delete=models.CASCADE,
        related_name="versions",
        db_index=False,  # the constraint has one
        verbose_name=_("article"),
    )
    number = models.PositiveIntegerField(_("version"))
    content_sha256 = models.CharField(max_length=64, editable=False)
    title = models.CharField(
        pgettext_lazy("page", "title"), max_length=1000, blank=True, default=""
    )
    author = models.CharField(_("author"), max_length=1000, blank=True, default="")
    published_on = models.DateField(_("published on"), null=True, blank=True)
    language = models.CharField(_("language"), max_length=8, blank=True, default="")
    top_image = models.CharField(_("picture"), max_length=2000, blank=True, default="")
    text = models.TextField(_("text"), blank=True, default="")
    word_count = models.PositiveIntegerField(_("words"), default=0)
    seen_at = models.DateTimeField(_("seen at"))

    objects = TenantRows()

    class Meta:
        db_table = "crawled_page_versions"
        verbose_name = _("version of an article")
        verbose_name_plural = _("versions of articles")
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["page", "number"], name="crawled_page_version_once"),
        ]

    def __str__(self) -> str:
        return str(self.number)


class PageMention(models.Model):
    """A post that points to a page; `position` is that of the link among the post's."""

    tenant_path: ClassVar = "page__tenant"

    page = models.ForeignKey(
        CrawledPage,
        on_delete=models.CASCADE,
        related_name="mentions",
        db_index=False,  # the constraint has one
        verbose_name=_("article"),
    )
    post = models.ForeignKey(
        Post, on_delete=models.CASCADE, related_name="page_mentions", verbose_name=_("post")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    objects = TenantRows()

    class Meta:
        db_table = "crawled_page_mentions"
        verbose_name = _("link of a post")
        verbose_name_plural = _("links of posts")
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["page", "post"], name="crawled_page_mention_once"),
        ]

    def __str__(self) -> str:
        return str(self.position + 1)


class CrawlDomain(models.Model):
    """
    What a tenant has fetched of a host in the hour that begins at `hour`.

    `budget` is how many pages of it an hour may have, where people have set that.
    """

    tenant_path: ClassVar = "tenant"

    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("tenant"),
    )
    host = models.CharField(_("host"), max_length=253)
    hour = models.DateTimeField(_("hour"))
    used = models.PositiveIntegerField(_("fetched in that hour"), default=0)
    budget = models.PositiveIntegerField(
        _("own budget of an hour"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_PAGES)],
        help_text=_("Pages; 0 fetches nothing of this host. Empty: as for all domains."),
    )

    objects = TenantRows()

    class Meta:
        db_table = "crawl_domains"
        verbose_name = _("domain")
        verbose_name_plural = _("domains")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "host"], name="crawl_domain_once"),
        ]

    def __str__(self) -> str:
        return self.host


class CrawlDay(models.Model):
    """What a tenant has fetched on a day (UTC)."""

    tenant_path: ClassVar = "tenant"

    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("tenant"),
    )
    day = models.DateField(_("day"))
    used = models.PositiveIntegerField(_("fetched on that day"), default=0)

    objects = TenantRows()

    class Meta:
        db_table = "crawl_days"
        verbose_name = _("day of crawling")
        verbose_name_plural = _("days of crawling")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "day"], name="crawl_day_once"),
        ]

    def __str__(self) -> str:
        return str(self.day)


class CrawlHost(models.Model):
    """When the next request to a host may begin, whichever tenant makes it."""

    host = models.CharField(primary_key=True, max_length=253)
    next_at = models.DateTimeField()

    class Meta:
        db_table = "crawl_hosts"
        verbose_name = _("row of a host")
        verbose_name_plural = _("rows of hosts")

    def __str__(self) -> str:
        return self.host


class RobotsFile(models.Model):
    """
    The robots.txt of a server, by scheme, host and port.

    `status` is that of its answer; 0 where there was none.
    """

    origin = models.CharField(primary_key=True, max_length=300)
    text = models.TextField(blank=True, default="")
    status = models.PositiveSmallIntegerField(default=0)
    read_at = models.DateTimeField()

    class Meta:
        db_table = "crawl_robots_files"
        verbose_name = _("robots.txt")
        verbose_name_plural = _("robots.txt")

    def __str__(self) -> str:
        return self.origin
