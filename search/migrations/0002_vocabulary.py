"""`search_words.posts` follows the rows of `search_documents`; nobody else writes it."""

from django.db import migrations

# search_sound: how a word sounds, in Cyrillic letters, so that python meets питон and telegram
# телеграм. Exact by design: no two letters that Russian keeps apart in a stem fall together but
# и/й/ы, е/э and doubled ones.
#
# search_count_words: one statement per statement, in the order of words, so that two writers of
# the same tenant wait for each other and cannot deadlock.
FORWARD = r"""
CREATE FUNCTION search_sound(word text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(translate(
        replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
        replace(replace(replace(replace(replace(replace(word,
            'shch', 'щ'), 'sch', 'ш'), 'sh', 'ш'), 'ch', 'ч'), 'zh', 'ж'), 'kh', 'х'), 'th', 'т'),
            'ph', 'ф'), 'ck', 'к'), 'ya', 'я'), 'yu', 'ю'), 'yo', 'е'), 'oo', 'у'), 'ee', 'и'),
            'qu', 'кв'), 'x', 'кс'), 'ts', 'ц'),
        'abcdefghijklmnopqrstuvwyzйэыьъ', 'абкдефгхижклмнопкрстувуизиеи'),
        '(.)\1+', '\1', 'g')
$$;

CREATE INDEX idx_search_words_sound ON search_words (tenant_id, search_sound(word));

CREATE FUNCTION search_count_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO search_words (tenant_id, word, posts)
        SELECT tenant_id, word, sum(n) FROM (
            SELECT tenant_id, unnest(tsvector_to_array(words) || ''::text) AS word, 1 AS n FROM added
            UNION ALL
            SELECT tenant_id, unnest(tsvector_to_array(words) || ''::text), -1 FROM removed
        ) AS delta GROUP BY tenant_id, word HAVING sum(n) <> 0 ORDER BY tenant_id, word COLLATE "C"
        ON CONFLICT (tenant_id, word) DO UPDATE SET posts = search_words.posts + excluded.posts;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO search_words (tenant_id, word, posts)
        SELECT tenant_id, word, count(*) FROM (
            SELECT tenant_id, unnest(tsvector_to_array(words) || ''::text) AS word FROM added
        ) AS delta GROUP BY tenant_id, word ORDER BY tenant_id, word COLLATE "C"
        ON CONFLICT (tenant_id, word) DO UPDATE SET posts = search_words.posts + excluded.posts;
    ELSE
        UPDATE search_words SET posts = search_words.posts - delta.n FROM (
            SELECT tenant_id, word, count(*) AS n FROM (
                SELECT tenant_id, unnest(tsvector_to_array(words) || ''::text) AS word FROM removed
            ) AS each GROUP BY tenant_id, word
        ) AS delta
        WHERE search_words.tenant_id = delta.tenant_id AND search_words.word = delta.word;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER search_documents_inserted AFTER INSERT ON search_documents
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION search_count_words();
CREATE TRIGGER search_documents_updated AFTER UPDATE ON search_documents
    REFERENCING NEW TABLE AS added OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION search_count_words();
CREATE TRIGGER search_documents_deleted AFTER DELETE ON search_documents
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION search_count_words();
"""
BACKWARD = """
DROP TRIGGER search_documents_inserted ON search_documents;
DROP TRIGGER search_documents_updated ON search_documents;
DROP TRIGGER search_documents_deleted ON search_documents;
DROP FUNCTION search_count_words;
DROP INDEX idx_search_words_sound;
DROP FUNCTION search_sound;
"""


class Migration(migrations.Migration):
    dependencies = [("search", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
