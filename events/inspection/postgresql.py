"""Checks of PostgreSQL: that it answers, and that it is what the application needs."""

import time
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.executor import MigrationExecutor

from events.health import Finding, failed, ok, warning
from events.inspection import tables
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from events.workers import clock

OLDEST: Final = 14_00_00
"""`server_version_num` of the oldest PostgreSQL that Django 5.2 knows."""
TEXT_SEARCH: Final = "russian"
"""The text search configuration that the index of posts is built with."""
CLOCKS_APART: Final = 5.0
"""Seconds by which the clocks of this host and of PostgreSQL may differ."""
REMEDY: Final = _("start PostgreSQL, correct DATABASE_URL, or run `python manage.py migrate`")
CHECK: Final = "database"
"""The check that all others need that ask PostgreSQL."""
_MANY: Final = 0.8
"""Share of the connections in use from which an operator should know."""
_LACKING: Final = Sentence(_("there is no %(columns)s"))
_TOO_OLD: Final = Sentence(_("%(version)s is too old"))
_NO_CONFIGURATION: Final = Sentence(_("has no text search configuration %(name)s"))
_EXTENSIONS: Final = Sentence(
    _("none is needed; installed: %(extensions)s; text search %(configuration)s")
)
_IN_USE: Final = Sentence(_("%(used)s of %(most)s in use"))
_APART: Final = Sentence(_("%(seconds)s s apart from the clock of this host"))
_APART_AND_IDLE: Final = Sentence(
    _("%(seconds)s s apart from the clock of this host, whose workers take no work")
)
_TOGETHER: Final = Sentence(_("at most %(seconds)s s apart from this host's"))
_UNKNOWN_ZONE: Final = Sentence(_("does not know the time zone %(zone)s"))


def answers() -> Iterator[Finding | str]:
    yield "PostgreSQL"
    _value("SELECT 1")
    yield ok(_("answers"))


def queue_is_there() -> Iterator[Finding]:
    """Whether the tables through which work moves can be read: the broker is PostgreSQL itself."""
    _value("SELECT count(*) FROM (SELECT 1 FROM events_delivery LIMIT 1) AS any_delivery")
    _value("SELECT count(*) FROM (SELECT 1 FROM django_q_ormq LIMIT 1) AS any_job")
    yield ok(_("the queue can be read"))


def is_migrated() -> Iterator[Finding]:
    """Whether the tables are those of this release."""
    try:
        _require_migrations()
    except MigrationsMissing:
        yield failed(_("tables are missing or old"), _("run `python manage.py migrate`"))
        return
    lacking = tables.lacking_columns()
    if lacking:
        yield failed(_LACKING % {"columns": ", ".join(lacking)}, tables.REMEDY)
    else:
        yield ok(_("up to date"))


def server() -> Iterator[Finding]:
    """Version, text search, connections, clock and time zone."""
    number, version = int(_value("SHOW server_version_num")), _value("SHOW server_version")
    yield (
        ok(version, step="version")
        if number >= OLDEST
        else failed(
            _TOO_OLD % {"version": version}, _("upgrade to PostgreSQL 14 or newer"), step="version"
        )
    )
    yield _extensions()
    yield _connections()
    yield _clock()
    yield _time_zone()


def pool_mode() -> Iterator[Finding]:
    """
    Whether each connection keeps its session: advisory locks of workers live in it.

    Two connections that are open at the same time have two backends. A pooler that pools
    transactions gives both the same one as soon as it is idle.
    """
    with closing(_connected()) as one, closing(_connected()) as other:
        first = _backend(one)
        with other.transaction():
            second = _backend(other)
            again = _backend(one)
    if first == second or first != again:
        yield failed(
            _("a pooler in front of PostgreSQL pools transactions: locks of workers get lost"),
            _("set the pooler to pool_mode = session, or connect directly in DATABASE_URL"),
        )
    else:
        yield ok(_("each connection has a session of its own"))


class MigrationsMissing(Exception):
    """The tables are not those of this release."""


@cache
def _require_migrations() -> None:
    """Raise MigrationsMissing. Only the good answer is remembered: no release undoes it."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise MigrationsMissing


def _extensions() -> Finding:
    step = "extensions"
    installed = _value("SELECT string_agg(extname, ', ' ORDER BY extname) FROM pg_extension")
    found = _value("SELECT count(*) FROM pg_ts_config WHERE cfgname = %s", TEXT_SEARCH)
    if not found:
        return failed(
            _NO_CONFIGURATION % {"name": TEXT_SEARCH},
            _(
                "install PostgreSQL with its Snowball dictionaries (postgresql-contrib or the full"
                " image)"
            ),
            step=step,
        )
    return ok(_EXTENSIONS % {"extensions": installed, "configuration": TEXT_SEARCH}, step=step)


def _connections() -> Finding:
    used = int(
        _value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
    )
    most = int(_value("SHOW max_connections"))
    detail = _IN_USE % {"used": used, "most": most}
    if used >= _MANY * most:
        return warning(detail, _("raise max_connections, or lower Q_WORKERS"), step="connections")
    return ok(detail, step="connections")


def _clock() -> Finding:
    before = time.time()
    at_server = float(_value("SELECT extract(epoch FROM clock_timestamp())"))
    # Between the two readings of ours lies the server's, unless the clocks differ.
    apart = max(before - at_server, at_server - time.time(), 0.0)
    if apart > CLOCKS_APART:
        told = _APART_AND_IDLE if apart > clock.TOLERATED else _APART
        return failed(
            told % {"seconds": f"{apart:.0f}"},
            _("let both hosts set their clocks by NTP"),
            step="clock",
        )
    return ok(_TOGETHER % {"seconds": f"{max(apart, 0.001):.3f}"}, step="clock")


def _time_zone() -> Finding:
    zone = settings.TIME_ZONE
    if not _value("SELECT count(*) FROM pg_timezone_names WHERE name = %s", zone):
        return failed(
            _UNKNOWN_ZONE % {"zone": zone},
            _("install tzdata where PostgreSQL runs, or set TIME_ZONE to a zone it knows"),
            step="time zone",
        )
    return ok(zone, step="time zone")


def _connected() -> Any:
    """Open a connection beside Django's, with the same parameters."""
    database = connections[DEFAULT_DB_ALIAS].copy()
    database.settings_dict["OPTIONS"].pop("pool", None)
    session = database.get_new_connection(database.get_connection_params())
    session.autocommit = True
    return session


def _backend(session: Any) -> int:
    return int(session.execute("SELECT pg_backend_pid()").fetchone()[0])


def _value(statement: str, *values: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchone()[0]
