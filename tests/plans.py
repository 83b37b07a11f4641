"""Plans of PostgreSQL, read in a way that does not depend on statistics."""

from django.db import connection


def plan_with_one_index(statement: str, *parameters: object, table: str, index: str) -> str:
    """
    Explain the statement where the planner has only this index of the table, so no choice.

    Among several that serve, which one wins depends on statistics that autovacuum writes meanwhile.
    The other indexes come back when the transaction of the test is rolled back.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # pending triggers would refuse the DDL
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass"
            " AND contype IN ('p', 'u') AND conname <> %s",
            [table, index],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE")
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = %s AND indexname <> %s",
            [table, index],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {name}")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statement}", parameters or None)
        return "\n".join(line for (line,) in cursor.fetchall())
