"""`search_tombstones`: posts whose documents were deleted, until Qdrant has forgotten them."""

from django.db import migrations

# No model: nobody but the search reads or writes it, and it is empty but for a minute.
FORWARD = """
CREATE TABLE search_tombstones (
    post_id uuid PRIMARY KEY, deleted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION search_note_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_tombstones (post_id) SELECT post_id FROM removed ORDER BY post_id
    ON CONFLICT (post_id) DO UPDATE SET deleted_at = excluded.deleted_at;
    RETURN NULL;
END $$;

CREATE TRIGGER search_documents_noted AFTER DELETE ON search_documents
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION search_note_deleted();
"""
BACKWARD = """
DROP TRIGGER search_documents_noted ON search_documents;
DROP FUNCTION search_note_deleted;
DROP TABLE search_tombstones;
"""


class Migration(migrations.Migration):
    dependencies = [("search", "0002_vocabulary")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
