"""`graph_notes`: posts, albums and channels that were deleted or renamed, until the graph knows."""

from django.db import migrations

# No model: nobody but the graph reads or writes it, and it is empty but for a minute. Whatever else
# changes is told by an event.
FORWARD = """
CREATE TABLE graph_notes (
    kind text NOT NULL CONSTRAINT graph_note_kind_known CHECK (kind IN ('post', 'album', 'channel')),
    row_id text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT graph_note_once PRIMARY KEY (kind, row_id)
);
CREATE INDEX graph_note_noted_at ON graph_notes (noted_at);

CREATE FUNCTION graph_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'INSERT INTO graph_notes (kind, row_id) SELECT DISTINCT %L, %I::text FROM told ORDER BY 2'
        ' ON CONFLICT (kind, row_id) DO UPDATE SET noted_at = excluded.noted_at',
        TG_ARGV[0], TG_ARGV[1]
    );
    RETURN NULL;
END $$;

CREATE FUNCTION graph_note_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO graph_notes (kind, row_id) VALUES ('channel', NEW.id::text)
    ON CONFLICT (kind, row_id) DO UPDATE SET noted_at = excluded.noted_at;
    RETURN NULL;
END $$;

CREATE TRIGGER graph_posts_noted AFTER DELETE ON posts
    REFERENCING OLD TABLE AS told FOR EACH STATEMENT EXECUTE FUNCTION graph_note('post', 'id');
CREATE TRIGGER graph_albums_noted AFTER DELETE ON media_groups
    REFERENCING OLD TABLE AS told FOR EACH STATEMENT EXECUTE FUNCTION graph_note('album', 'id');
CREATE TRIGGER graph_items_noted AFTER DELETE ON media_group_items
    REFERENCING OLD TABLE AS told FOR EACH STATEMENT EXECUTE FUNCTION graph_note('album', 'group_id');
CREATE TRIGGER graph_channels_noted AFTER DELETE ON channels
    REFERENCING OLD TABLE AS told FOR EACH STATEMENT EXECUTE FUNCTION graph_note('channel', 'id');
CREATE TRIGGER graph_channels_renamed AFTER UPDATE ON channels
    FOR EACH ROW WHEN (
        (OLD.title, OLD.username) IS DISTINCT FROM (NEW.title, NEW.username)
    ) EXECUTE FUNCTION graph_note_renamed();
"""
BACKWARD = """
DROP TRIGGER graph_channels_renamed ON channels;
DROP TRIGGER graph_channels_noted ON channels;
DROP TRIGGER graph_items_noted ON media_group_items;
DROP TRIGGER graph_albums_noted ON media_groups;
DROP TRIGGER graph_posts_noted ON posts;
DROP FUNCTION graph_note_renamed;
DROP FUNCTION graph_note;
DROP TABLE graph_notes;
"""


class Migration(migrations.Migration):
    dependencies = [("media", "0003_posts_by_owner"), ("albums", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
