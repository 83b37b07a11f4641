"""Whether the tables have the columns of this release, whatever their migrations say."""

from collections import defaultdict

from django.apps import apps
from django.db import connection
from psycopg.errors import UndefinedTable

from events.sentences import gettext_noop

REMEDY = gettext_noop(
    "This database was made by a version before the first release, and its tables cannot be"
    " upgraded. Start with an empty database (rename the folder VAR_DIR, or name a new database"
    " in DATABASE_URL) and import your exports again."
)
NO_TABLES = gettext_noop(
    "The database has no tables yet, or old ones: run `python manage.py migrate`"
)
_COLUMNS = """
    SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE attnum > 0 AND NOT attisdropped AND pg_table_is_visible(attrelid) AND relkind IN ('r', 'p')
"""


def are_lacking(error: BaseException) -> bool:
    """Whether a statement failed because there is no such table."""
    return isinstance(error.__cause__, UndefinedTable)


def lacking_columns() -> list[str]:
    """
    Name the columns, as table.column, that models have and the database has not.

    Before the first release migrations are changed in place; a database in which they ran in an
    earlier form takes them for applied.
    """
    found = _columns()
    models = apps.get_models(include_auto_created=True)
    return [
        f"{meta.db_table}.{field.column}"
        for meta in (model._meta for model in models if model._meta.managed)  # noqa: SLF001
        for field in meta.local_concrete_fields
        if not meta.proxy and field.column not in found[meta.db_table]
    ]


def _columns() -> dict[str, set[str]]:
    found = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        for table, column in cursor:
            found[table].add(column)
    return found
