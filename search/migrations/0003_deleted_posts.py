"""
A post that is deleted takes its vectors along, and Qdrant forgets it, whether it has a document or not.

Words, meaning and Qdrant are written by two queues: a post may have a vector and a point before its
document, and be deleted then. Of documents alone, as before a rebuild, the triggers before this tell.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION search_forget_posts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_tombstones (post_id) SELECT id FROM removed ORDER BY id
    ON CONFLICT (post_id) DO UPDATE SET deleted_at = excluded.deleted_at;
    IF to_regclass('search_vectors') IS NOT NULL THEN
        DELETE FROM search_vectors WHERE post_id IN (SELECT id FROM removed);
    END IF;
    DELETE FROM search_waiting_posts WHERE post_id IN (SELECT id FROM removed);
    RETURN NULL;
END $$;

CREATE TRIGGER search_posts_forgotten AFTER DELETE ON posts
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION search_forget_posts();
"""
BACKWARD = """
DROP TRIGGER search_posts_forgotten ON posts;
DROP FUNCTION search_forget_posts;
"""


class Migration(migrations.Migration):
    dependencies = [("search", "0002_words"), ("media", "0002_counting")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
