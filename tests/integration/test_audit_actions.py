"""Whatever a person does in the console, through the API or by a command is recorded once."""

import io
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.management import call_command, get_commands
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEntry, Tenant
from events.console import list_of
from events.models import DeadLetter, OutboxEvent
from media.posts import post_events
from storage_quota import ledger
from storage_quota.models import Orphan
from telegram_assistant.management.commands.demo import SAMPLE
from tests import factories as make
from tests.integrity_fixtures import medium
from vision.models import (
    CallCost,
    PaidAnalysis,
    PictureDistinction,
    PictureHash,
    ProviderHealth,
    TokenBudget,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

SIGNALS = "row.deleted and row.added, by the signals of followed models"
ACTIONS = {
    "accept_tags": "tags.accepted",
    "apply_rules": "tag_rule.applied",
    "drop_tags": "tags.dropped",
    "accept": "orphans.accepted",
    "adopt": "orphan.adopted",
    "analyze_again": "reanalysis.started",
    "analyze_posts_again": "reanalysis.started",
    "delete_selected": SIGNALS,
    "end": "session.ended",
    "fetch_again": "articles.requested",
    "fill": "gaps.wanted",
    "forget": "call_cost.forgotten",
    "forget_rules": "tag_rule.deleted",
    "forget_session": "telegram.signed_out",
    "mark_distinct": "pictures.distinct",
    "pause": "channel.paused",
    "read_gaps": "gaps.wanted",
    "remove_second_factors": "second_factor.removed",
    "read_again": "documents.requested",
    "read_documents_again": "documents.requested",
    "reassemble": "albums.reassembled",
    "replay": "tasks.replayed",
    "reset_usage": "budget.reset",
    "resubmit_task": SIGNALS,
    "resume": "provider.resumed",
    "resume_reading": "channel.resumed",
    "retry": "pictures.retried",
    "revoke": "token.revoked",
    "withdraw": "pictures.withdrawn",
}
"""Every action of a list in the console, and the event by which it is recorded."""
READS = "changes nothing"
COMMANDS = {
    "api_token": "token.issued",
    "ask": "question.asked",
    "audit": READS,
    "crawl": "articles.requested",
    "channels": "gaps.wanted",
    "demo": "import.started",
    "diag_albums": "albums.reassembled",
    "diag_locks": READS,
    "diag_s3": READS,
    "diag_vision": "budget.reset",
    "doctor": READS,
    "drain": "does what is due anyway",
    "e2e_vision": "trial.started",
    "emergency_s3_cleanup": "cleanup.started",
    "events": "tasks.replayed",
    "growth": READS,
    "import_export": "import.started",
    "ingest_channel": "import.started",
    "local": "stops the database",
    "mcp": "question.asked",
    "migrate": "changes no rows of people",
    "qcluster": "settings.changed",
    "reanalyze": "reanalysis.started",
    "rebuild_index": "changes no rows of people",
    "retag": "retagging.started",
    "search_status": READS,
    "saved_search": "saved_search.saved",
    "search": READS,
    "sync_lifecycle": "lifecycle.written",
    "telegram_listen": "takes what Telegram says",
    "telegram_login": "telegram.signed_in",
    "task_cluster": "a part of qcluster",
    "verify_projections": "writes what can be made again",
    "rebuild_graph": "writes what can be made again",
    "install_labels": "makes indexes of the graph, which say nothing",
    "graph": "asks",
    "verify_storage": "repair.started",
    "worker": "a part of qcluster",
    "show_post": READS,
}
"""Every command of the product, and one of the events by which it is recorded, or why by none."""
WRITING_VIEWS = {
    "MergeView": "tags.merged",
    "PostTagView": "tag.removed",
    "PostTagsView": "tag.added",
    "ProposalsView": "tags.accepted",
    "RuleApplyView": "tag_rule.applied",
    "RuleView": "tag_rule.deleted",
    "RulesView": "tag_rule.made",
    "AskView": "question.asked",
    "CleanupView": "cleanup.started",
    "McpView": "question.asked",
    "QuotaCheckView": READS,
    "SavedSearchView": "saved_search.changed",
    "SavedSearchesView": "saved_search.saved",
    "SeenView": "says what of the own has been seen",
}
"""Every view of the API that takes POST, PUT, PATCH or DELETE."""
ROOMS = {
    "accounts", "albums", "crawl", "events", "media", "search", "storage_quota", "telegram_assistant", "vision",
}  # fmt: skip


@pytest.fixture
def root(db: None) -> Client:
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def import_sample(store, archive):
    """Import the sample channel, as whoever acts."""

    def _() -> None:
        command = audit.of_command("import_export")
        with audit.acting(command):
            _quietly("import_export", str(SAMPLE), "--problems-ok")

    return _


@pytest.fixture
def act(root):
    """Run an action on these rows; returns the entries that came of it."""

    def _(action: str, *rows, **more) -> list[AuditEntry]:
        last = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        chosen = {"action": action, "_selected_action": [row.pk for row in rows], **more}
        answer = root.post(list_of(type(rows[0])), chosen)
        assert answer.status_code in {200, 302}
        return list(AuditEntry.objects.filter(pk__gt=last).order_by("pk"))

    return _


def _only(entries: list[AuditEntry]) -> AuditEntry:
    [entry] = entries
    assert (entry.actor_name, entry.address) == ("root", "192.0.2.7")
    return entry


class TestEverythingIsKnown:
    def test_every_action_of_the_console(self) -> None:
        request = RequestFactory().get("/")
        request.user = get_user_model()(is_superuser=True, is_active=True)
        pages = admin.site._registry.values()
        named = {name for page in pages for _, name, _ in page._get_base_actions()}

        assert named <= set(ACTIONS), named - set(ACTIONS)

    def test_every_command(self) -> None:
        own = {name for name, app in get_commands().items() if str(app).split(".")[0] in ROOMS}

        assert own <= set(COMMANDS), own - set(COMMANDS)

    def test_every_view_of_the_api_that_writes(self) -> None:
        writing = {
            view.__name__
            for view in _views(get_resolver())
            if view.__module__.split(".")[0] in ROOMS
            and any(hasattr(view, method) for method in ("post", "put", "patch", "delete"))
        }

        assert writing <= set(WRITING_VIEWS), writing - set(WRITING_VIEWS)


def _views(resolver: URLResolver):
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern)
        elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "view_class"):
            yield pattern.callback.view_class
        elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls"):
            yield pattern.callback.cls


class TestConsole:
    def test_running_dead_letters_again(self, act) -> None:
        tenants = [make.tenant(), make.tenant()]
        dead = [make.dead_letter() for _ in range(3)]
        for letter, tenant in zip(dead, [*tenants, tenants[0]], strict=True):
            OutboxEvent.objects.filter(pk=letter.event_id).update(tenant_id=str(tenant.pk))

        told = act("replay", *DeadLetter.objects.order_by("pk"))

        assert {(e.event, e.actor_name, e.address) for e in told} == {
            ("tasks.replayed", "root", "192.0.2.7")
        }
        assert {(e.tenant, tuple(e.after["first"])) for e in told} == {
            (tenants[0], (dead[0].pk, dead[2].pk)),
            (tenants[1], (dead[1].pk,)),
        }

    def test_nothing_done_is_no_entry(self, act) -> None:
        dead = make.dead_letter()
        row = DeadLetter.objects.get(pk=dead.pk)
        act("replay", row)

        assert act("replay", row) == []

    def test_marking_pictures_as_distinct_and_withdrawing_that(self, act) -> None:
        make.near_duplicate()
        row = PictureHash.objects.exclude(same_as="").get()

        marked = _only(act("mark_distinct", row))
        withdrawn = _only(act("withdraw", PictureDistinction.objects.get()))

        pair = sorted([row.sha256, row.same_as])
        assert (marked.event, marked.after) == ("pictures.distinct", {"pictures": pair})
        assert (withdrawn.event, withdrawn.before) == ("pictures.withdrawn", {"pictures": pair})
        assert marked.tenant == withdrawn.tenant == row.tenant

    def test_resetting_the_usage_of_tokens(self, act, archive) -> None:
        day = timezone.now().date()
        row = TokenBudget.objects.create(tenant=archive.tenant, day=day, used_tokens=700)

        entry = _only(act("reset_usage", row))

        assert (entry.event, entry.tenant) == ("budget.reset", archive.tenant)
        assert (entry.before, entry.after) == ({"tokens": 700}, {"tokens": 0})

    def test_forgetting_a_cost(self, act) -> None:
        row = CallCost.objects.create(provider="gigachat", model="m", most_tokens=9)

        entry = _only(act("forget", row))

        assert (entry.event, entry.before) == ("call_cost.forgotten", {"most_tokens": 9})

    def test_using_a_provider_again(self, act) -> None:
        row = ProviderHealth.objects.create(provider="gigachat", failures=4)

        entry = _only(act("resume", row))

        assert (entry.event, entry.before["failures"]) == ("provider.resumed", 4)

    def test_asking_for_pictures_again(self, act, archive) -> None:
        row = PaidAnalysis.objects.create(
            tenant=archive.tenant, sha256="a" * 64, provider="gigachat", model="m",
            schema_version="1", state="waiting", wait_reason="daily_limit",
        )  # fmt: skip

        entry = _only(act("retry", row))

        assert (entry.event, entry.tenant) == ("pictures.retried", archive.tenant)
        assert entry.after == {"pictures": 1, "sha256": ["a" * 64]}

    def test_asking_for_documents_again(self, act, archive) -> None:
        post = archive.post(b"a text", mime="text/plain", kind="document", tell=False)
        row = make.document(media=post.post_media.get().media_object)

        of_file, of_post = _only(act("read_again", row)), _only(act("read_documents_again", post))

        assert of_file.event == of_post.event == "documents.requested"
        assert of_file.tenant == of_post.tenant == archive.tenant
        assert of_file.after == {"documents": 1, "sha256": [row.media_object.file_sha256]}

    def test_assembling_albums_again(self, act, archive) -> None:
        row = make.album(of=archive.channel, pictures=[make.media_object(owner=archive.tenant)])

        entry = _only(act("reassemble", row))

        assert (entry.event, entry.tenant) == ("albums.reassembled", archive.tenant)
        assert entry.after == {"albums": 1, "ids": [row.pk], "at_once": False}

    def test_accepting_and_adopting_orphans(self, act, store, tenant, checked, later) -> None:
        key = medium(tenant, b"the last copy")
        ledger.remove([key], now=later)
        checked(repair=True)
        orphan = Orphan.objects.get()

        accepted = _only(act("accept", orphan))
        adopted = _only(act("adopt", orphan))

        assert (accepted.event, accepted.after) == (
            "orphans.accepted",
            {"objects": 1, "keys": [key]},
        )
        assert (adopted.event, adopted.object_key) == ("orphan.adopted", key)
        assert adopted.tenant == tenant

    def test_cleaning_up_is_told_before_it_begins_and_when_it_ended(self, root, store) -> None:
        root.post(reverse("admin:storage_quota_cleanup"), {"target_gb": "1"})

        started, ended = AuditEntry.objects.filter(event__startswith="cleanup").order_by("pk")
        assert (started.event, started.actor_name) == ("cleanup.started", "root")
        assert started.after["trigger"] == "console"
        assert (ended.event, ended.after["deleted"]) == ("cleanup.ended", 0)


class TestApi:
    def test_cleaning_up(self, root, store) -> None:
        answer = root.post(
            "/api/v1/storage/cleanup", {"force": True}, content_type="application/json"
        )

        assert answer.status_code == 200
        started, ended = AuditEntry.objects.filter(event__startswith="cleanup").order_by("pk")
        assert started.actor_name == ended.actor_name == "root"
        assert started.after["trigger"] == "operator"


class TestCommands:
    def test_running_tasks_again_publishing_and_pruning(self, tmp_path: Path) -> None:
        make.dead_letter()
        _quietly("events", "replay", "--all")
        _quietly("events", "replay", "--all", "--dry-run")
        _quietly("events", "prune", "--older-than-days", "0")
        _quietly("events", "prune", "--dry-run")

        events = AuditEntry.objects.filter(event__contains="s.").exclude(event__startswith="row")
        assert [entry.event for entry in events.order_by("pk")] == [
            "tasks.replayed",
            "events.pruned",
        ]

    def test_publishing_by_hand_is_told_by_the_topic_and_not_by_the_text(self, tmp_path) -> None:
        post = make.post(media=[make.media_object()], content="what somebody wrote")
        event = post_events.uploaded(
            post, [m.media_object for m in post.post_media.all()], now=make.NOW, trace_id="t"
        )
        file = tmp_path / "event.json"
        file.write_text(event.model_dump_json())

        _quietly("events", "publish", event.topic, str(file))

        entry = AuditEntry.objects.get(event="event.published")
        assert entry.after["topic"] == event.topic
        assert entry.object_kind == "events.outboxevent"
        assert "what somebody wrote" not in f"{entry.before}{entry.after}{entry.object_name}"

    def test_an_import_is_told_by_its_figures_and_its_rows_are_not(self, import_sample) -> None:
        import_sample()

        told = AuditEntry.objects.exclude(event__startswith="row").order_by("pk")
        assert [entry.event for entry in told] == ["import.started", "import.ended"]
        assert told[1].after["messages"] > 0
        assert told[1].after["whole"] is True
        assert told[1].tenant is not None
        assert (
            not AuditEntry.objects.filter(event__startswith="row")
            .exclude(object_kind="accounts.tenant")
            .exists()
        )

    def test_what_is_done_for_a_user_is_told_with_that_user(self) -> None:
        letter = make.dead_letter()
        tenant = make.tenant()
        OutboxEvent.objects.filter(pk=letter.event_id).update(tenant_id=str(tenant.pk))
        alice = make.member("administrator", *Tenant.objects.all())

        _quietly("events", "--as", alice.username, "replay", "--all")

        entry = AuditEntry.objects.get(event="tasks.replayed")
        assert (entry.actor_kind, entry.actor_id) == ("command", alice.pk)
        assert entry.actor_name.startswith(f"{alice.username} (")
        assert entry.actor_name.endswith(": events)")

    def test_writing_lifecycle_rules_is_told_and_showing_them_is_not(self, store) -> None:
        _quietly("sync_lifecycle", "--show")
        _quietly("sync_lifecycle", "--dry-run")
        assert not AuditEntry.objects.filter(event="lifecycle.written").exists()

        _quietly("sync_lifecycle")

        assert AuditEntry.objects.filter(event="lifecycle.written").count() <= 1

    def test_repairing_is_told_and_checking_is_not(self, store) -> None:
        _quietly("verify_storage")
        assert not AuditEntry.objects.filter(event__startswith="repair").exists()

        _quietly("verify_storage", "--repair", "--claim-bucket")

        told = AuditEntry.objects.exclude(event__startswith="row").order_by("pk")
        assert [e.event for e in told] == ["bucket.claimed", "repair.started", "repair.ended"]


def _quietly(*arguments: str) -> None:
    call_command(*arguments, stdout=io.StringIO(), stderr=io.StringIO())
