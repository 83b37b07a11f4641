"""`media_objects.refs_count` follows the files of posts and of their versions; nobody else writes it."""

from django.db import migrations

# One statement per statement, not per row; ordered, so that two imports cannot deadlock.
POSTS = """
CREATE FUNCTION media_count_refs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM media_objects
    WHERE id IN (SELECT media_object_id FROM changed) ORDER BY id FOR NO KEY UPDATE;
    UPDATE media_objects SET refs_count = refs_count
        + CASE TG_OP WHEN 'INSERT' THEN delta.n ELSE -delta.n END
    FROM (SELECT media_object_id, count(*) AS n FROM changed GROUP BY media_object_id) AS delta
    WHERE media_objects.id = delta.media_object_id;
    RETURN NULL;
END $$;

CREATE TRIGGER post_media_map_inserted AFTER INSERT ON post_media_map
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION media_count_refs();
CREATE TRIGGER post_media_map_deleted AFTER DELETE ON post_media_map
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION media_count_refs();

CREATE FUNCTION media_refuse_moved_refs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of post_media_map is replaced, not moved to another media object';
END $$;

CREATE TRIGGER post_media_map_moved BEFORE UPDATE OF media_object_id ON post_media_map
    FOR EACH ROW WHEN (OLD.media_object_id IS DISTINCT FROM NEW.media_object_id)
    EXECUTE FUNCTION media_refuse_moved_refs();
"""
NO_POSTS = """
DROP TRIGGER post_media_map_inserted ON post_media_map;
DROP TRIGGER post_media_map_deleted ON post_media_map;
DROP TRIGGER post_media_map_moved ON post_media_map;
DROP FUNCTION media_count_refs;
DROP FUNCTION media_refuse_moved_refs;
"""

# Files of versions are counted like those of posts: no cleanup evicts them.
VERSIONS = """
CREATE TRIGGER post_version_media_inserted AFTER INSERT ON post_version_media
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION media_count_refs();
CREATE TRIGGER post_version_media_deleted AFTER DELETE ON post_version_media
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION media_count_refs();
CREATE TRIGGER post_version_media_moved BEFORE UPDATE OF media_object_id ON post_version_media
    FOR EACH ROW WHEN (OLD.media_object_id IS DISTINCT FROM NEW.media_object_id)
    EXECUTE FUNCTION media_refuse_moved_refs();
"""
NO_VERSIONS = """
DROP TRIGGER post_version_media_moved ON post_version_media;
DROP TRIGGER post_version_media_deleted ON post_version_media;
DROP TRIGGER post_version_media_inserted ON post_version_media;
"""


class Migration(migrations.Migration):
    dependencies = [("media", "0001_tables")]
    replaces = [("media", "0002_triggers")]
    operations = [migrations.RunSQL(POSTS, NO_POSTS), migrations.RunSQL(VERSIONS, NO_VERSIONS)]
