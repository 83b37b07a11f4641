import django.core.validators
import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    replaces = [("crawl", "0001_initial"), ("crawl", "0002_budgets")]

    dependencies = [
        ("accounts", "0001_tables"),
        ("media", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="CrawlHost",
            fields=[
                ("host", models.CharField(max_length=253, primary_key=True, serialize=False)),
                ("next_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "row of a host",
                "verbose_name_plural": "rows of hosts",
                "db_table": "crawl_hosts",
            },
        ),
        migrations.CreateModel(
            name="RobotsFile",
            fields=[
                ("origin", models.CharField(max_length=300, primary_key=True, serialize=False)),
                ("text", models.TextField(blank=True, default="")),
                ("status", models.PositiveSmallIntegerField(default=0)),
                ("read_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "robots.txt",
                "verbose_name_plural": "robots.txt",
                "db_table": "crawl_robots_files",
            },
        ),
        migrations.CreateModel(
            name="CrawledPage",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("url", models.CharField(max_length=2000, verbose_name="address")),
                ("url_hash", models.CharField(editable=False, max_length=64)),
                ("host", models.CharField(max_length=253, verbose_name="host")),
                (
                    "final_url",
                    models.CharField(
                        blank=True, default="", max_length=2000, verbose_name="leads to"
                    ),
                ),
                (
                    "title",
                    models.CharField(blank=True, default="", max_length=1000, verbose_name="title"),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "to be fetched"),
                            ("claimed", "being fetched"),
                            ("waiting", "waits"),
                            ("read", "read"),
                            ("gone", "gone"),
                            ("refused", "refused"),
                            ("failed", "failed"),
                        ],
                        default="requested",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                (
                    "reason",
                    models.CharField(blank=True, default="", max_length=50, verbose_name="reason"),
                ),
                (
                    "details",
                    models.CharField(
                        blank=True, default="", max_length=200, verbose_name="details"
                    ),
                ),
                (
                    "http_status",
                    models.PositiveSmallIntegerField(
                        blank=True, null=True, verbose_name="HTTP status"
                    ),
                ),
                ("etag", models.CharField(blank=True, default="", editable=False, max_length=200)),
                (
                    "last_modified",
                    models.CharField(blank=True, default="", editable=False, max_length=100),
                ),
                ("version", models.PositiveIntegerField(default=0, verbose_name="version")),
                (
                    "html_key",
                    models.CharField(blank=True, default="", max_length=1024, verbose_name="HTML"),
                ),
                (
                    "markdown_key",
                    models.CharField(
                        blank=True, default="", max_length=1024, verbose_name="Markdown"
                    ),
                ),
                ("requested_at", models.DateTimeField(verbose_name="requested at")),
                ("seconds", models.FloatField(blank=True, null=True, verbose_name="duration, s")),
                ("due_at", models.DateTimeField(blank=True, null=True, verbose_name="next visit")),
                (
                    "checked_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="checked at"),
                ),
                (
                    "gone_since",
                    models.DateTimeField(blank=True, null=True, verbose_name="gone since"),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                ("claim_id", models.UUIDField(blank=True, editable=False, null=True)),
                ("claimed_by", models.UUIDField(blank=True, editable=False, null=True)),
                (
                    "claimed_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="in work until"),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "article",
                "verbose_name_plural": "articles",
                "db_table": "crawled_pages",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["due_at"],
                        name="crawled_page_due",
                    ),
                    models.Index(
                        condition=models.Q(("state", "claimed")),
                        fields=["host"],
                        name="crawled_page_in_work",
                    ),
                    models.Index(fields=["tenant", "-requested_at"], name="crawled_page_newest"),
                    models.Index(fields=["-requested_at"], name="crawled_page_newest_of_all"),
                    models.Index(
                        condition=models.Q(("html_key", ""), _negated=True),
                        fields=["html_key"],
                        name="crawled_page_html",
                    ),
                    models.Index(
                        condition=models.Q(("markdown_key", ""), _negated=True),
                        fields=["markdown_key"],
                        name="crawled_page_md",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "url_hash"), name="crawled_page_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "requested",
                                    "claimed",
                                    "waiting",
                                    "read",
                                    "gone",
                                    "refused",
                                    "failed",
                                ],
                            )
                        ),
                        name="crawled_page_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("claim_id__isnull", False),
                                ("claimed_by__isnull", False),
                                ("claimed_until__isnull", False),
                                ("state", "claimed"),
                            ),
                            models.Q(
                                models.Q(("state", "claimed"), _negated=True),
                                ("claim_id__isnull", True),
                                ("claimed_by__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="crawled_page_claim_is_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "waiting"), _negated=True),
                            ("due_at__isnull", False),
                            _connector="OR",
                        ),
                        name="crawled_page_waits_for_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "gone"), _negated=True),
                            ("gone_since__isnull", False),
                            _connector="OR",
                        ),
                        name="crawled_page_gone_since_when",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PageMention",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="position")),
                (
                    "page",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mentions",
                        to="crawl.crawledpage",
                        verbose_name="article",
                    ),
                ),
                (
                    "post",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="page_mentions",
                        to="media.post",
                        verbose_name="post",
                    ),
                ),
            ],
            options={
                "verbose_name": "link of a post",
                "verbose_name_plural": "links of posts",
                "db_table": "crawled_page_mentions",
                "ordering": ["position"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("page", "post"), name="crawled_page_mention_once"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="crawledpage",
            name="posts",
            field=models.ManyToManyField(
                related_name="crawled_pages",
                through="crawl.PageMention",
                to="media.post",
                verbose_name="posts",
            ),
        ),
        migrations.CreateModel(
            name="PageVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="version")),
                ("content_sha256", models.CharField(editable=False, max_length=64)),
                (
                    "title",
                    models.CharField(blank=True, default="", max_length=1000, verbose_name="title"),
                ),
                (
                    "author",
                    models.CharField(
                        blank=True, default="", max_length=1000, verbose_name="author"
                    ),
                ),
                (
                    "published_on",
                    models.DateField(blank=True, null=True, verbose_name="published on"),
                ),
                (
                    "language",
                    models.CharField(blank=True, default="", max_length=8, verbose_name="language"),
                ),
                (
                    "top_image",
                    models.CharField(
                        blank=True, default="", max_length=2000, verbose_name="picture"
                    ),
                ),
                ("text", models.TextField(blank=True, default="", verbose_name="text")),
                ("word_count", models.PositiveIntegerField(default=0, verbose_name="words")),
                ("seen_at", models.DateTimeField(verbose_name="seen at")),
                (
                    "page",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="crawl.crawledpage",
                        verbose_name="article",
                    ),
                ),
            ],
            options={
                "verbose_name": "version of an article",
                "verbose_name_plural": "versions of articles",
                "db_table": "crawled_page_versions",
                "ordering": ["-number"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("page", "number"), name="crawled_page_version_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CrawlDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(verbose_name="day")),
                (
                    "used",
                    models.PositiveIntegerField(default=0, verbose_name="fetched on that day"),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "day of crawling",
                "verbose_name_plural": "days of crawling",
                "db_table": "crawl_days",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "day"), name="crawl_day_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="CrawlDomain",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("host", models.CharField(max_length=253, verbose_name="host")),
                ("hour", models.DateTimeField(verbose_name="hour")),
                (
                    "used",
                    models.PositiveIntegerField(default=0, verbose_name="fetched in that hour"),
                ),
                (
                    "budget",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Pages; 0 fetches nothing of this host. Empty: as for all domains.",
                        null=True,
                        validators=[django.core.validators.MaxValueValidator(1000000)],
                        verbose_name="own budget of an hour",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "domain",
                "verbose_name_plural": "domains",
                "db_table": "crawl_domains",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "host"), name="crawl_domain_once")
                ],
            },
        ),
    ]
