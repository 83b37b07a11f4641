"""What every test may use. The database is the real PostgreSQL, sockets stay on this machine."""

import gc
import os
import random
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_django
from django.db import connections
from django.template import Context, Template
from django.test import TransactionTestCase, override_settings
from django.test.utils import _TestState, instrumented_test_render
from django.utils import translation
from django.utils.safestring import SafeString
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from whitenoise.middleware import WhiteNoiseMiddleware

from events import rooms, subscriptions
from events.delivery import worker
from events.workers import liveness
from search.embeddings import chosen
from search.embeddings.fake import FakeEncoder
from telegram_assistant.console.admin_site import load_pages
from telegram_assistant.metrics.folder import VARIABLE
from tests import database
from tests import factories as make
from tests.examples import examples

# Whatever a test may ask for by name is here or there, and is never imported.
pytest_plugins = [
    "tests.crawl_fixtures",
    "tests.storage_fixtures",
    "tests.integrity_fixtures",  # imports the one above
    "tests.gigachat_fixtures",
    "tests.s3_fixtures",
    "tests.log_fixtures",
    "tests.browser_fixtures",
    "tests.real_s3",
    "tests.samples",
    "tests.shares",
    "tests.vision_fixtures",
    "tests.telegram_fake",
    "tests.qdrant_fixtures",
    "tests.graph_fixtures",
]

SHARED_DATA = Path(
    os.environ.get("SHARED_DATA_DIR", Path(__file__).resolve().parents[2] / "shared" / "data")
)

# No test fails because the machine is busy. Without a database of earlier failures the seed alone
# decides about the examples, on whichever machine.
hypothesis_settings.register_profile(
    "house",
    max_examples=examples(50),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis_settings.load_profile("house")


@pytest.hookimpl(tryfirst=True)  # before hypothesis reads its option
def pytest_configure(config: pytest.Config) -> None:
    """
    Give this run the seed of its examples, and what it starts its own VAR_DIR.

    xdist's workers are given both by the process that starts them.
    """
    gc.disable()  # what is collected is kept, see below
    of_a_worker = getattr(config, "workerinput", None)
    if of_a_worker is not None:
        config.option.hypothesis_seed = of_a_worker["hypothesis_seed"]
        return
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(random.SystemRandom().randrange(2**32))
    os.environ["VAR_DIR"] = str(database.make_room_for_a_run() / "main")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """An option that was not given is not among those that xdist hands on."""
    node.workerinput["hypothesis_seed"] = node.config.option.hypothesis_seed


def pytest_collection_finish() -> None:
    """
    What was imported and collected lasts to the end: garbage is not looked for in it, not even
    once, and seldom elsewhere, for that took a tenth of the time.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


def pytest_report_header(config: pytest.Config) -> str:
    return f"examples of hypothesis: --hypothesis-seed={config.option.hypothesis_seed}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say after failures, too, with which examples they come again; --quiet hides the header."""
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(pytest_report_header(config))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    for spec in specs:
        spec.env["VAR_DIR"] = str(Path(os.environ["VAR_DIR"]).with_name(spec.id))


@pytest.fixture(scope="session")
def django_db_modify_db_settings_xdist_suffix(request: pytest.FixtureRequest) -> None:
    """On a server of the user each process has a database; with a server each, all have one name."""
    if "EMBEDDED_DIR" not in connections["default"].settings_dict:
        request.getfixturevalue("django_db_modify_db_settings_xdist_suffix")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Tests kill workers, never the machine: their commits need not wait for the disk."""
    settings = connections["default"].settings_dict
    if "EMBEDDED_DIR" in settings:
        settings["EMBEDDED_DIR"] = database.of_this_process()
        database.start_forgetful(settings["EMBEDDED_DIR"])
    else:
        settings["OPTIONS"] = {**settings["OPTIONS"], "options": "-c synchronous_commit=off"}


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_db_blocker: pytest_django.DjangoDbBlocker,
    django_db_use_migrations: bool,
) -> Iterator[None]:
    """
    Whatever a test committed, the next one finds what the migrations left.

    They run once for all processes of a run that have a server each.
    """
    side_by_side = hasattr(request.config, "workerinput") and django_db_use_migrations
    embedded = "EMBEDDED_DIR" in connections["default"].settings_dict
    made = partial(request.getfixturevalue, "django_db_setup")
    with django_db_blocker.unblock():
        if not (side_by_side and embedded):
            made()
        else:
            with database.migrated_once(database.of_this_process()) as is_a_copy:
                if is_a_copy:
                    request.getfixturevalue("django_db_modify_db_settings")
                    database.use_test_database()
                else:
                    made()
        beginning = database.Beginning.now()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: beginning.restore())
        yield
    database.forget()
    liveness.stop()  # the database can be dropped only when its keeper is gone


@pytest.fixture(scope="session", autouse=True)
def _for_all_tests(request: pytest.FixtureRequest) -> None:
    """What lasts from the first test to the last, as one fixture: each costs every test a little."""
    for name in (
        "_all_rooms_are_connected",
        "_nothing_is_counted_for_good",
        "_passwords_cost_nothing",
        "_static_files_are_listed_once",
        "_of_each_page_one_context_is_kept",
        "_neighbors_look_often",
        "_services_are_described_once",
    ):
        request.getfixturevalue(name)


@pytest.fixture(scope="session")
def _all_rooms_are_connected() -> None:
    """Tests look into registries, and into the console's, as a web server and a worker do."""
    rooms.connect_all()
    load_pages()


@pytest.fixture(scope="session")
def _nothing_is_counted_for_good() -> Iterator[None]:
    """What tests count is not added to the installation whose VAR_DIR this is."""
    yield
    for path in Path(os.environ[VARIABLE]).glob(f"*_{os.getpid()}.db"):
        path.unlink()


@pytest.fixture(scope="session")
def _passwords_cost_nothing() -> Iterator[None]:
    """A fifth of a second of each user with a password is spent on making it hard to guess."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session")
def _static_files_are_listed_once() -> Iterator[None]:
    """Each test's client is a web server of its own, which lists some two hundred files at start."""
    listed: dict[str, Any] = {}
    list_files = WhiteNoiseMiddleware.add_files_from_finders

    def once(server: WhiteNoiseMiddleware) -> None:
        if not listed:
            list_files(server)
            listed.update(server.files)
        server.files.update(listed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", once)
        yield


@pytest.fixture(scope="session")
def _of_each_page_one_context_is_kept(django_test_environment: None) -> Iterator[None]:
    """Django's client copies that of each template in it as well, down to those of the widgets."""
    render, inside = _TestState.saved_data.template_render, threading.local()

    def of_pages(template: Template, context: Context) -> SafeString:
        if getattr(inside, "a_page", False):
            return render(template, context)
        inside.a_page = True
        try:
            return instrumented_test_render(template, context)
        finally:
            inside.a_page = False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Template, "_render", of_pages)
        yield


_numbers = count()


@pytest.fixture(autouse=True)
def objects_dir(settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    Each test has a bucket of its own, made by whoever puts something into it.

    A `tmp_path` for each would be looked for among those of all tests before it.
    """
    settings.OBJECTS_DIR = tmp_path_factory.getbasetemp() / f"bucket{next(_numbers)}" / "objects"
    return settings.OBJECTS_DIR


@pytest.fixture(autouse=True)
def _no_model_is_loaded() -> Iterator[FakeEncoder]:
    """
    Drained queues of search encode with a fake; the model has tests of its own.

    What else goes with its test stands here as well, for each fixture of all tests costs a second:
    the language of its last request, and its subscriptions, of which the next one hears nothing.
    """
    before, subscribed = chosen.use(fake := FakeEncoder()), dict(subscriptions._registry)
    yield fake
    subscriptions._registry.clear()
    subscriptions._registry.update(subscribed)
    translation.deactivate()
    chosen.use(before)


@pytest.fixture(scope="session")
def _neighbors_look_often() -> Iterator[None]:
    """A thread that waits for its neighbors' work sees the end of it at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "POLL_EVERY", 0.04)
        yield


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def chance() -> random.Random:
    return random.Random(7)


@pytest.fixture
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"SKIPPED LOUDLY: the real input is not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture
def archive(db: None) -> make.Archive:
    return make.Archive()


@pytest.fixture
def unique() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def in_english() -> Iterator[None]:
    """Commands speak the language of LANGUAGE_CODE; tests about what they say are written in English."""
    with translation.override("en"):
        yield
