import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.fields.json
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    replaces = [
        ("vision", "0001_initial"),
        ("vision", "0003_document_text"),
        ("vision", "0004_tagging"),
        ("vision", "0005_tagger"),
    ]

    dependencies = [
        ("accounts", "0001_tables"),
        ("accounts", "__first__"),
        ("media", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="CallCost",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=50, verbose_name="provider")),
                ("model", models.CharField(max_length=100, verbose_name="model")),
                (
                    "most_tokens",
                    models.BigIntegerField(default=0, verbose_name="most tokens of one call"),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
            ],
            options={
                "verbose_name": "greatest cost of a call",
                "verbose_name_plural": "greatest costs of calls",
                "db_table": "vision_call_cost",
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "model"), name="call_cost_once"),
                    models.CheckConstraint(
                        condition=models.Q(("most_tokens__gte", 0)), name="call_cost_not_negative"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ConcurrencyPlace",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("number", models.PositiveIntegerField(verbose_name="number")),
                ("tenant", models.CharField(max_length=100, verbose_name="tenant")),
                ("tenant_number", models.PositiveIntegerField(verbose_name="number of the tenant")),
                ("worker", models.UUIDField(verbose_name="worker")),
                ("taken_at", models.DateTimeField(verbose_name="taken at")),
            ],
            options={
                "verbose_name": "call in progress",
                "verbose_name_plural": "calls in progress",
                "db_table": "vision_concurrency_place",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("name", "number"), name="concurrency_place_once"
                    ),
                    models.UniqueConstraint(
                        fields=("name", "tenant", "tenant_number"),
                        name="concurrency_place_tenant_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DocumentText",
            fields=[
                (
                    "media_object",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="document_text",
                        serialize=False,
                        to="media.mediaobject",
                        verbose_name="media object",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "to be read"),
                            ("claimed", "being read"),
                            ("done", "done"),
                        ],
                        default="requested",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "not known yet"),
                            ("analyzed", "read"),
                            ("partial", "read in part"),
                            ("skipped", "skipped"),
                            ("failed", "failed"),
                        ],
                        default="",
                        max_length=16,
                        verbose_name="outcome",
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
                    "format",
                    models.CharField(blank=True, default="", max_length=16, verbose_name="format"),
                ),
                (
                    "pages",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="of the file, or its slides or sheets",
                        null=True,
                        verbose_name="pages",
                    ),
                ),
                (
                    "pages_recognized",
                    models.PositiveIntegerField(default=0, verbose_name="pages recognized by OCR"),
                ),
                ("chars", models.PositiveIntegerField(default=0, verbose_name="characters read")),
                (
                    "text_hash",
                    models.CharField(blank=True, default="", editable=False, max_length=64),
                ),
                ("seconds", models.FloatField(blank=True, null=True, verbose_name="duration, s")),
                ("read_at", models.DateTimeField(blank=True, null=True, verbose_name="read at")),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                ("claim_id", models.UUIDField(blank=True, editable=False, null=True)),
                ("claimed_by", models.UUIDField(blank=True, editable=False, null=True)),
                (
                    "claimed_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="in work until"),
                ),
            ],
            options={
                "verbose_name": "text of a document",
                "verbose_name_plural": "texts of documents",
                "db_table": "document_texts",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "claimed")),
                        fields=["claimed_until"],
                        name="document_text_in_work",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["requested", "claimed", "done"])),
                        name="document_text_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("outcome__in", ["", "analyzed", "partial", "skipped", "failed"])
                        ),
                        name="document_text_outcome_known",
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
                        name="document_text_claim_is_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "done"), _negated=True),
                            models.Q(
                                models.Q(("outcome", ""), _negated=True), ("read_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="document_text_done_has_outcome",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderHealth",
            fields=[
                (
                    "provider",
                    models.CharField(
                        max_length=50, primary_key=True, serialize=False, verbose_name="provider"
                    ),
                ),
                (
                    "failures",
                    models.PositiveIntegerField(default=0, verbose_name="failures in a row"),
                ),
                (
                    "open_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="open until"),
                ),
                (
                    "probe_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="probe until"),
                ),
                (
                    "paused_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="paused until"),
                ),
                (
                    "pause_reason",
                    models.CharField(blank=True, default="", max_length=50, verbose_name="reason"),
                ),
                (
                    "details",
                    models.CharField(
                        blank=True, default="", max_length=200, verbose_name="details"
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
            ],
            options={
                "verbose_name": "state of a provider",
                "verbose_name_plural": "states of providers",
                "db_table": "vision_provider_health",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("paused_until__isnull", True),
                            models.Q(("pause_reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="provider_pause_has_a_reason",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=64, verbose_name="tag")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                (
                    "merged_into",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="synonyms",
                        to="vision.tag",
                        verbose_name="synonym of",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tags",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "tag",
                "verbose_name_plural": "tags",
                "db_table": "tags",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "name"), name="tag_name_once"),
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True), name="tag_name_filled"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("merged_into__isnull", True),
                            models.Q(("merged_into", models.F("id")), _negated=True),
                            _connector="OR",
                        ),
                        name="tag_no_synonym_of_itself",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PostTag",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("person", "a person"),
                            ("hashtag", "a hashtag of the text"),
                            ("rule", "a rule"),
                            ("model", "a tagger"),
                        ],
                        max_length=8,
                        verbose_name="origin",
                    ),
                ),
                (
                    "category",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("topic", "topic"),
                            ("person", "person"),
                            ("organization", "organization"),
                            ("place", "place"),
                            ("event", "event"),
                            ("product", "product"),
                            ("other", "other"),
                        ],
                        default="",
                        max_length=64,
                        verbose_name="category",
                    ),
                ),
                ("confidence", models.FloatField(default=1.0, verbose_name="confidence")),
                (
                    "version",
                    models.CharField(
                        blank=True, default="", max_length=40, verbose_name="vision version"
                    ),
                ),
                (
                    "tagger",
                    models.CharField(
                        blank=True,
                        choices=[("local", "local"), ("gigachat", "GigaChat")],
                        default="",
                        max_length=20,
                        verbose_name="tagger",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("accepted", "accepted"),
                            ("proposed", "proposed"),
                            ("dropped", "dropped"),
                        ],
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                (
                    "decided_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="decided at"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="decided by",
                    ),
                ),
                (
                    "post",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="post_tags",
                        to="media.post",
                        verbose_name="post",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
                (
                    "tag",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="post_tags",
                        to="vision.tag",
                        verbose_name="tag",
                    ),
                ),
            ],
            options={
                "verbose_name": "tag of a post",
                "verbose_name_plural": "tags of posts",
                "db_table": "post_tags",
                "indexes": [
                    models.Index(
                        fields=["tenant", "-created_at", "id"], name="idx_post_tag_newest"
                    ),
                    models.Index(
                        condition=models.Q(("state", "proposed")),
                        fields=["tenant", "-confidence", "id"],
                        name="idx_post_tag_proposed",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("post", "tag"), name="post_tag_once"),
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ["person", "hashtag", "rule", "model"])),
                        name="post_tag_origin_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["accepted", "proposed", "dropped"])),
                        name="post_tag_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("confidence__gte", 0), ("confidence__lte", 1)),
                        name="post_tag_confidence_share",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("decided_at__isnull", False),
                            models.Q(
                                ("origin", "person"),
                                ("state", "dropped"),
                                _connector="OR",
                                _negated=True,
                            ),
                            _connector="OR",
                        ),
                        name="post_tag_people_decide",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TagAnswer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("question", models.CharField(max_length=64, verbose_name="question")),
                ("model", models.CharField(max_length=100, verbose_name="model")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("given", "given"),
                            ("useless", "useless"),
                        ],
                        default="waiting",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("tags", models.JSONField(blank=True, default=list, verbose_name="tags")),
                (
                    "reason",
                    models.CharField(blank=True, default="", max_length=50, verbose_name="reason"),
                ),
                (
                    "attempts",
                    models.PositiveIntegerField(default=0, verbose_name="calls without an answer"),
                ),
                ("tokens", models.BigIntegerField(default=0, verbose_name="tokens")),
                ("seconds", models.FloatField(blank=True, null=True, verbose_name="seconds")),
                ("asked_at", models.DateTimeField(verbose_name="asked at")),
                (
                    "post",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="tag_answers",
                        to="media.post",
                        verbose_name="post",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "answer of a tagger",
                "verbose_name_plural": "answers of taggers",
                "db_table": "tag_answers",
                "indexes": [
                    models.Index(
                        fields=["tenant", "-asked_at", "id"], name="idx_tag_answer_newest"
                    ),
                    models.Index(fields=["model", "-asked_at"], name="idx_tag_answer_of_model"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "model", "question"), name="tag_answer_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "given", "useless"])),
                        name="tag_answer_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("question__regex", "^[0-9a-f]{64}$")),
                        name="tag_answer_question_hex",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tokens__gte", 0)), name="tag_answer_tokens_positive"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TagRule",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "word",
                    models.CharField(blank=True, default="", max_length=200, verbose_name="words"),
                ),
                (
                    "label",
                    models.CharField(
                        blank=True, default="", max_length=100, verbose_name="label of a picture"
                    ),
                ),
                (
                    "apply_wanted_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="being applied since"),
                ),
                (
                    "applied_posts",
                    models.PositiveIntegerField(default=0, verbose_name="posts that got the tag"),
                ),
                (
                    "applied_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="applied at"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                (
                    "channel",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="media.channel",
                        verbose_name="channel",
                    ),
                ),
                (
                    "tag",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rules",
                        to="vision.tag",
                        verbose_name="tag",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tag_rules",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "rule for tags",
                "verbose_name_plural": "rules for tags",
                "db_table": "tag_rules",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("channel__isnull", False),
                            models.Q(("word", ""), _negated=True),
                            models.Q(("label", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="tag_rule_has_condition",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TokenBudget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(verbose_name="day (UTC)")),
                ("used_tokens", models.BigIntegerField(default=0, verbose_name="tokens used")),
                (
                    "reserved_tokens",
                    models.BigIntegerField(default=0, verbose_name="tokens reserved"),
                ),
                (
                    "reserved_calls",
                    models.PositiveIntegerField(default=0, verbose_name="calls in progress"),
                ),
                (
                    "lost_tokens",
                    models.BigIntegerField(
                        default=0,
                        help_text="estimates of calls whose worker was lost before it knew the usage",
                        verbose_name="of these, assumed",
                    ),
                ),
                (
                    "forgiven_tokens",
                    models.BigIntegerField(
                        default=0,
                        help_text="by resets; they no longer count as used",
                        verbose_name="tokens forgiven",
                    ),
                ),
                ("calls", models.PositiveIntegerField(default=0, verbose_name="calls")),
                (
                    "overrun_calls",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="calls that cost more than the ceiling that was reserved for them",
                        verbose_name="calls above what was reserved",
                    ),
                ),
                (
                    "overrun_tokens",
                    models.BigIntegerField(
                        default=0,
                        help_text="by this much at most the tokens used may exceed the limit",
                        verbose_name="tokens above what was reserved",
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="token_budgets",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "token budget",
                "verbose_name_plural": "token budgets",
                "db_table": "vision_token_budget",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "day"), name="token_budget_once"),
                    models.CheckConstraint(
                        condition=models.Q(("used_tokens__gte", 0)),
                        name="token_budget_used_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reserved_tokens__gte", 0)),
                        name="token_budget_reserved_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("lost_tokens__gte", 0), ("lost_tokens__lte", models.F("used_tokens"))
                        ),
                        name="token_budget_lost_is_part_of_used",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("forgiven_tokens__gte", 0)),
                        name="token_budget_forgiven_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("overrun_tokens__gte", 0)),
                        name="token_budget_overrun_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DocumentPage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveIntegerField(verbose_name="position")),
                ("page", models.PositiveIntegerField(blank=True, null=True, verbose_name="page")),
                (
                    "label",
                    models.CharField(blank=True, default="", max_length=200, verbose_name="sheet"),
                ),
                ("text", models.TextField(verbose_name="text")),
                (
                    "is_recognized",
                    models.BooleanField(default=False, verbose_name="recognized by OCR"),
                ),
                (
                    "words",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.contrib.postgres.search.SearchVector(
                            models.Func(
                                models.F("text"),
                                models.Value("ёЁ"),
                                models.Value("еЕ"),
                                function="translate",
                                output_field=models.TextField(),
                            ),
                            config="russian",
                        ),
                        output_field=django.contrib.postgres.search.SearchVectorField(),
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="vision.documenttext",
                        verbose_name="text of a document",
                    ),
                ),
            ],
            options={
                "verbose_name": "page of a document",
                "verbose_name_plural": "pages of documents",
                "db_table": "document_pages",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("document", "position"), name="document_page_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PaidAnalysis",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256")),
                ("provider", models.CharField(max_length=50, verbose_name="provider")),
                ("model", models.CharField(max_length=100, verbose_name="model")),
                ("schema_version", models.CharField(max_length=20, verbose_name="schema")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "requested"),
                            ("claimed", "in work"),
                            ("waiting", "waiting"),
                            ("done", "done"),
                            ("failed", "failed"),
                        ],
                        default="requested",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("analysis", models.JSONField(blank=True, null=True, verbose_name="analysis")),
                (
                    "is_reused",
                    models.BooleanField(
                        default=False,
                        help_text="the analysis of a duplicate",
                        verbose_name="reused",
                    ),
                ),
                (
                    "prompt_tokens",
                    models.BigIntegerField(default=0, verbose_name="tokens of the question"),
                ),
                (
                    "completion_tokens",
                    models.BigIntegerField(default=0, verbose_name="tokens of the answer"),
                ),
                (
                    "precached_prompt_tokens",
                    models.BigIntegerField(default=0, verbose_name="tokens from the cache"),
                ),
                (
                    "total_tokens",
                    models.BigIntegerField(
                        default=0,
                        help_text="over all calls, as the provider returned them",
                        verbose_name="tokens",
                    ),
                ),
                ("calls", models.PositiveIntegerField(default=0, verbose_name="calls")),
                (
                    "attempts",
                    models.PositiveIntegerField(
                        default=0, verbose_name="failures since it was last asked for"
                    ),
                ),
                (
                    "retry_rounds",
                    models.PositiveIntegerField(default=0, verbose_name="times given up"),
                ),
                (
                    "error_class",
                    models.CharField(
                        blank=True, default="", max_length=50, verbose_name="error class"
                    ),
                ),
                (
                    "reason",
                    models.CharField(blank=True, default="", max_length=50, verbose_name="reason"),
                ),
                (
                    "error",
                    models.CharField(blank=True, default="", max_length=200, verbose_name="error"),
                ),
                ("is_recent", models.BooleanField(default=True, verbose_name="recent post")),
                (
                    "posted_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="posted at"),
                ),
                (
                    "wait_reason",
                    models.CharField(
                        blank=True, default="", max_length=50, verbose_name="waits because"
                    ),
                ),
                ("due_at", models.DateTimeField(blank=True, null=True, verbose_name="not before")),
                (
                    "requested_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="requested again at"),
                ),
                ("claim_id", models.UUIDField(blank=True, editable=False, null=True)),
                ("claimed_by", models.UUIDField(blank=True, editable=False, null=True)),
                (
                    "claimed_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="in work until"),
                ),
                (
                    "reserved_tokens",
                    models.BigIntegerField(default=0, verbose_name="tokens reserved"),
                ),
                ("budget_day", models.DateField(blank=True, null=True, verbose_name="of the day")),
                ("settled_claim_id", models.UUIDField(blank=True, editable=False, null=True)),
                ("follow_up_due", models.BooleanField(default=False, editable=False)),
                (
                    "analyzed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="analyzed at"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
                (
                    "paid_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="paid_analyses",
                        to="media.post",
                        verbose_name="paid by",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="paid_analyses",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "paid analysis",
                "verbose_name_plural": "paid analyses",
                "db_table": "vision_picture_look",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["tenant", "-is_recent", "-posted_at", "id"],
                        include=("wait_reason",),
                        name="paid_analysis_backlog",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ("claimed", "requested"))),
                        fields=["updated_at"],
                        name="paid_analysis_in_work",
                    ),
                    models.Index(
                        condition=models.Q(("total_tokens__gt", 0)),
                        fields=["provider", "model", "-analyzed_at"],
                        name="paid_analysis_recent",
                    ),
                    models.Index(
                        condition=models.Q(("follow_up_due", True)),
                        fields=["updated_at"],
                        name="paid_analysis_follow_up",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "sha256", "provider", "model", "schema_version"),
                        name="paid_analysis_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sha256__regex", "^[0-9a-f]{64}$")),
                        name="paid_analysis_sha256_hex",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["requested", "claimed", "waiting", "done", "failed"])
                        ),
                        name="paid_analysis_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "done"), _negated=True),
                            ("analysis__isnull", False),
                            _connector="OR",
                        ),
                        name="paid_analysis_done_has_a_result",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("budget_day__isnull", False),
                                ("claim_id__isnull", False),
                                ("claimed_by__isnull", False),
                                ("claimed_until__isnull", False),
                                ("state", "claimed"),
                            ),
                            models.Q(
                                models.Q(("state", "claimed"), _negated=True),
                                ("claim_id__isnull", True),
                                ("claimed_by__isnull", True),
                                ("reserved_tokens", 0),
                            ),
                            _connector="OR",
                        ),
                        name="paid_analysis_claim_is_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "waiting"), _negated=True),
                            models.Q(("wait_reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="paid_analysis_waits_for_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reserved_tokens__gte", 0), ("total_tokens__gte", 0)),
                        name="paid_analysis_tokens_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PictureDistinction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_sha256", models.CharField(max_length=64, verbose_name="first picture")),
                ("second_sha256", models.CharField(max_length=64, verbose_name="second picture")),
                ("declared_at", models.DateTimeField(verbose_name="declared at")),
                (
                    "withdrawn_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="withdrawn at"),
                ),
                (
                    "declared_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="declared by",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
                (
                    "withdrawn_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="withdrawn by",
                    ),
                ),
            ],
            options={
                "verbose_name": "pictures marked distinct",
                "verbose_name_plural": "pictures marked distinct",
                "db_table": "picture_distinctions",
                "indexes": [
                    models.Index(
                        condition=models.Q(("withdrawn_at__isnull", True)),
                        fields=["tenant", "second_sha256"],
                        name="idx_picture_distinct_second",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("withdrawn_at__isnull", True)),
                        fields=("tenant", "first_sha256", "second_sha256"),
                        name="picture_distinction_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("first_sha256__lt", models.F("second_sha256"))),
                        name="picture_distinction_ordered",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("first_sha256__regex", "^[0-9a-f]{64}$"),
                            ("second_sha256__regex", "^[0-9a-f]{64}$"),
                        ),
                        name="picture_distinction_sha256_hex",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PictureHash",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256")),
                ("hash_size", models.PositiveSmallIntegerField(verbose_name="hash size")),
                (
                    "phash",
                    models.CharField(
                        help_text="hexadecimal, low frequencies first",
                        max_length=256,
                        verbose_name="perceptual hash",
                    ),
                ),
                (
                    "bands",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), editable=False, size=13
                    ),
                ),
                (
                    "same_as",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="same as"),
                ),
                (
                    "distance",
                    models.PositiveSmallIntegerField(
                        blank=True, null=True, verbose_name="distance"
                    ),
                ),
                (
                    "remembered_at",
                    models.DateTimeField(auto_now_add=True, verbose_name="remembered at"),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "duplicate",
                "verbose_name_plural": "duplicates",
                "db_table": "picture_hashes",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        condition=models.Q(("same_as", "")),
                        fastupdate=False,
                        fields=["bands"],
                        name="idx_picture_hash_bands",
                    ),
                    models.Index(
                        condition=models.Q(("same_as", ""), _negated=True),
                        fields=["tenant", "same_as"],
                        name="idx_picture_hash_same_as",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "sha256"), name="picture_hash_once"),
                    models.CheckConstraint(
                        condition=models.Q(("sha256__regex", "^[0-9a-f]{64}$")),
                        name="picture_hash_sha256_hex",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("phash__regex", "^[0-9a-f]+$")), name="picture_hash_hex"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("distance__isnull", True), ("same_as", "")),
                            models.Q(
                                ("distance__isnull", False), ("same_as__regex", "^[0-9a-f]{64}$")
                            ),
                            _connector="OR",
                        ),
                        name="picture_hash_same_as_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("same_as", models.F("sha256")), _negated=True),
                        name="picture_hash_not_itself",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PostEnrichment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("vision", "vision"),
                            ("vision_ocr", "text recognition"),
                            ("crawl", "crawled pages"),
                            ("tags", "tags"),
                            ("classify", "classification"),
                            ("general", "general"),
                            ("document_text", "texts of documents"),
                        ],
                        max_length=16,
                        verbose_name="kind",
                    ),
                ),
                (
                    "provider",
                    models.CharField(
                        blank=True, default="", max_length=50, verbose_name="provider"
                    ),
                ),
                ("params_hash", models.CharField(blank=True, default="", max_length=64)),
                (
                    "status",
                    models.CharField(
                        choices=[("ok", "ok"), ("partial", "partial"), ("error", "error")],
                        default="ok",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "error",
                    models.CharField(blank=True, default="", max_length=500, verbose_name="error"),
                ),
                ("data", models.JSONField(blank=True, default=dict, verbose_name="data")),
                (
                    "metadata",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="why each picture was analyzed, read or skipped",
                        verbose_name="decisions",
                    ),
                ),
                ("summary", models.TextField(blank=True, default="", verbose_name="summary")),
                (
                    "vision_analyzed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="analyzed at"),
                ),
                (
                    "vision_provider",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("gigachat", "GigaChat"),
                            ("ocr_fallback", "text recognition"),
                            ("none", "not analyzed"),
                        ],
                        max_length=50,
                        null=True,
                        verbose_name="provider",
                    ),
                ),
                (
                    "vision_model",
                    models.CharField(blank=True, max_length=100, null=True, verbose_name="model"),
                ),
                (
                    "vision_version",
                    models.CharField(
                        blank=True, default="", max_length=40, verbose_name="vision version"
                    ),
                ),
                ("features_hash", models.CharField(blank=True, default="", max_length=64)),
                ("vision_is_meme", models.BooleanField(default=False, verbose_name="meme")),
                (
                    "vision_classification",
                    models.JSONField(blank=True, null=True, verbose_name="classification"),
                ),
                (
                    "vision_class",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.fields.json.KeyTextTransform(
                            "type", "vision_classification"
                        ),
                        output_field=models.TextField(null=True),
                        verbose_name="class",
                    ),
                ),
                (
                    "vision_description",
                    models.TextField(blank=True, default="", verbose_name="description"),
                ),
                (
                    "vision_ocr_text",
                    models.TextField(blank=True, default="", verbose_name="text in the picture"),
                ),
                ("vision_file_id", models.CharField(blank=True, max_length=255, null=True)),
                ("vision_tokens_used", models.IntegerField(default=0, verbose_name="tokens")),
                (
                    "vision_cost_microunits",
                    models.BigIntegerField(default=0, verbose_name="cost, millionths"),
                ),
                (
                    "vision_analysis_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("new", "new"),
                            ("retry", "retry"),
                            ("cache_hit", "known picture"),
                            ("fallback", "fallback"),
                            ("skipped", "skipped"),
                        ],
                        max_length=50,
                        null=True,
                        verbose_name="reason",
                    ),
                ),
                (
                    "s3_vision_keys",
                    models.JSONField(blank=True, default=list, verbose_name="vision keys"),
                ),
                (
                    "s3_media_keys",
                    models.JSONField(blank=True, default=list, verbose_name="media keys"),
                ),
                (
                    "s3_crawl_keys",
                    models.JSONField(blank=True, default=list, verbose_name="crawl keys"),
                ),
                (
                    "album_size",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="album size"),
                ),
                (
                    "vision_labels_agg",
                    models.JSONField(blank=True, null=True, verbose_name="labels of the album"),
                ),
                ("ocr_present", models.BooleanField(default=False, verbose_name="has text")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        help_text="the post's; written by a trigger",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="media.channel",
                        verbose_name="channel",
                    ),
                ),
                (
                    "post",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="enrichments",
                        to="media.post",
                        verbose_name="post",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        help_text="the post's; written by a trigger",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "enrichment",
                "verbose_name_plural": "enrichments",
                "db_table": "post_enrichment",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["metadata"], name="idx_pe_metadata", opclasses=["jsonb_path_ops"]
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["vision_classification"], name="idx_pe_vision_class"
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["s3_media_keys"], name="idx_pe_s3_media"
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["s3_vision_keys"], name="idx_pe_s3_vision"
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["s3_crawl_keys"], name="idx_pe_s3_crawl"
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        condition=models.Q(("vision_labels_agg__isnull", False)),
                        fields=["vision_labels_agg"],
                        name="idx_pe_labels_agg",
                    ),
                    models.Index(fields=["-vision_analyzed_at"], name="idx_pe_vision_at"),
                    models.Index(
                        condition=models.Q(("vision_is_meme", True)),
                        fields=["-vision_analyzed_at"],
                        name="idx_pe_memes",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("kind", "vision"), ("vision_analyzed_at__isnull", False)
                        ),
                        fields=["tenant", "-vision_analyzed_at", "-id"],
                        name="idx_pe_vision_list",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("kind", "vision"), ("vision_analyzed_at__isnull", False)
                        ),
                        fields=["channel", "-vision_analyzed_at", "-id"],
                        name="idx_pe_vision_channel",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("kind", "vision"), ("vision_analyzed_at__isnull", False)
                        ),
                        fields=[
                            "tenant",
                            "vision_provider",
                            "vision_analysis_reason",
                            "vision_is_meme",
                            "vision_class",
                            "vision_tokens_used",
                        ],
                        name="idx_pe_vision_stats",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("post", "kind"), name="ux_post_enrichment_post_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "vision",
                                    "vision_ocr",
                                    "crawl",
                                    "tags",
                                    "classify",
                                    "general",
                                    "document_text",
                                ],
                            )
                        ),
                        name="chk_enrichment_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["ok", "partial", "error"])),
                        name="chk_enrichment_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("vision_provider__isnull", True),
                            ("vision_provider__in", ["gigachat", "ocr_fallback", "none"]),
                            _connector="OR",
                        ),
                        name="chk_vision_provider",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("vision_analysis_reason__isnull", True),
                            (
                                "vision_analysis_reason__in",
                                ["new", "retry", "cache_hit", "fallback", "skipped"],
                            ),
                            _connector="OR",
                        ),
                        name="chk_vision_analysis_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("vision_tokens_used__gte", 0)),
                        name="chk_vision_tokens_used",
                    ),
                ],
            },
        ),
    ]
