"""The audit only grows; a count of requests waits for no disk."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The pruning names its bound for its own transaction; nothing of the last 30 days goes anyway.
    IF TG_OP = 'DELETE' THEN
        IF OLD.at < NULLIF(current_setting('audit.prune_before', true), '')::timestamptz
           AND OLD.at < now() - interval '30 days' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% of audit entries is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON accounts_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_only_grows();
CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON accounts_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows();
"""
BACKWARD = """
DROP TRIGGER audit_table_stays ON accounts_auditentry;
DROP TRIGGER audit_rows_stay ON accounts_auditentry;
DROP FUNCTION audit_only_grows();
"""

# A request waits for no disk: what is lost in a crash is who asked how often. Rows are
# updated in place, so pages keep room for that.
RATE_LIMITS = "ALTER TABLE accounts_rate_limit SET UNLOGGED, SET (fillfactor = 50)"


class Migration(migrations.Migration):
    dependencies = [("usersessions", "0001_initial"), ("accounts", "0001_tables")]
    replaces = [("accounts", "0002_audit")]
    operations = [
        migrations.CreateModel(
            name="BrowserSession",
            fields=[],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("usersessions.usersession",),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.RunSQL(RATE_LIMITS, migrations.RunSQL.noop),
    ]
