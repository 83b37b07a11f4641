"""Notes of what changes without an event: deletion marks, how sure a tag is, what is known of a page."""

from django.db import migrations

FORWARD = """
ALTER TABLE graph_notes DROP CONSTRAINT graph_note_kind_known;
ALTER TABLE graph_notes ADD CONSTRAINT graph_note_kind_known
    CHECK (kind IN ('post', 'album', 'channel', 'article'));

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
DELETE FROM graph_notes WHERE kind = 'article';
ALTER TABLE graph_notes DROP CONSTRAINT graph_note_kind_known;
ALTER TABLE graph_notes ADD CONSTRAINT graph_note_kind_known
    CHECK (kind IN ('post', 'album', 'channel'));
"""


class Migration(migrations.Migration):
    dependencies = [
        ("graph", "0001_notes"),
        ("media", "0004_history"),
        ("vision", "0004_tagging"),
        ("crawl", "0001_initial"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
