"""An enrichment takes tenant and channel from its post: lists and sums read one index each."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION enrichment_take_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT tenant_id, channel_id INTO NEW.tenant_id, NEW.channel_id FROM posts WHERE id = NEW.post_id;
    RETURN NEW;
END $$;

CREATE TRIGGER post_enrichment_owner BEFORE INSERT OR UPDATE OF post_id, tenant_id, channel_id
    ON post_enrichment FOR EACH ROW EXECUTE FUNCTION enrichment_take_owner();
"""
BACKWARD = """
DROP TRIGGER post_enrichment_owner ON post_enrichment;
DROP FUNCTION enrichment_take_owner;
"""


class Migration(migrations.Migration):
    dependencies = [("vision", "0001_tables")]
    replaces = [("vision", "0002_triggers")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
