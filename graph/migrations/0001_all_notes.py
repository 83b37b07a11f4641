"""`graph_notes`: what was deleted, renamed or changed without an event, until the graph knows."""

from django.db import migrations

# No model: nobody but the graph reads or writes it, and it is empty but for a minute. Whatever else
# changes is told by an event.
FORWARD = """
CREATE TABLE graph_notes (
    kind text NOT NULL CONSTRAINT graph_note_kind_known CHECK (kind IN ('post', 'album', 'channel', 'article')),
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

CREATE FUNCTION graph_note_one() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told record := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    noted text := CASE TG_ARGV[0]
        WHEN 'article' THEN to_jsonb(told) ->> 'tenant_id' || ' ' || (to_jsonb(told) ->> 'url')
        ELSE to_jsonb(told) ->> TG_ARGV[1] END;
BEGIN
    INSERT INTO graph_notes (kind, row_id) VALUES (TG_ARGV[0], noted)
    ON CONFLICT (kind, row_id) DO UPDATE SET noted_at = excluded.noted_at;
    RETURN NULL;
END $$;

CREATE TRIGGER graph_posts_marked AFTER UPDATE ON posts
    FOR EACH ROW WHEN (OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
    EXECUTE FUNCTION graph_note_one('post', 'id');
-- Which tags hold is told by posts.tagged; where they came from and how sure that is, by nobody.
CREATE TRIGGER graph_tags_noted AFTER UPDATE ON post_tags
    FOR EACH ROW WHEN (
        NEW.state = 'accepted'
        AND (OLD.origin, OLD.confidence) IS DISTINCT FROM (NEW.origin, NEW.confidence)
    ) EXECUTE FUNCTION graph_note_one('post', 'post_id');
-- An eviction takes the HTML of a page without an event, and a page is told of with all of a post.
CREATE TRIGGER graph_pages_noted AFTER UPDATE ON crawled_pages
    FOR EACH ROW WHEN (
        (OLD.title, OLD.final_url, OLD.html_key, OLD.version, OLD.gone_since)
        IS DISTINCT FROM (NEW.title, NEW.final_url, NEW.html_key, NEW.version, NEW.gone_since)
    ) EXECUTE FUNCTION graph_note_one('article');
CREATE TRIGGER graph_pages_deleted AFTER DELETE ON crawled_pages
    FOR EACH ROW EXECUTE FUNCTION graph_note_one('article');
"""
BACKWARD = """
DROP TRIGGER graph_pages_deleted ON crawled_pages;
DROP TRIGGER graph_pages_noted ON crawled_pages;
DROP TRIGGER graph_tags_noted ON post_tags;
DROP TRIGGER graph_posts_marked ON posts;
DROP FUNCTION graph_note_one;
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
    dependencies = [("albums", "0001_tables"), ("crawl", "0001_tables"), ("vision", "0001_tables")]
    replaces = [("graph", "0001_notes"), ("graph", "0002_changes_without_event")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
