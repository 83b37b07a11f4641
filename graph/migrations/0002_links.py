"""A post's link in Telegram changes with the public name of its channel, without an event: it is noted, too."""

from django.db import migrations

FORWARD = """
DROP TRIGGER graph_posts_marked ON posts;
CREATE TRIGGER graph_posts_marked AFTER UPDATE ON posts
    FOR EACH ROW WHEN (
        (OLD.deleted_at, OLD.telegram_post_url) IS DISTINCT FROM (NEW.deleted_at, NEW.telegram_post_url)
    ) EXECUTE FUNCTION graph_note_one('post', 'id');
"""
BACKWARD = """
DROP TRIGGER graph_posts_marked ON posts;
CREATE TRIGGER graph_posts_marked AFTER UPDATE ON posts
    FOR EACH ROW WHEN (OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
    EXECUTE FUNCTION graph_note_one('post', 'id');
"""


class Migration(migrations.Migration):
    dependencies = [("graph", "0001_all_notes")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
