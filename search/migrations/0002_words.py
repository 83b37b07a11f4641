"""
`search_words.posts` follows the rows of `search_documents`, keys beside the words in their index
keep a search as fast in a big archive, and `search_tombstones` knows what Qdrant has to forget.

A word of an index alone leads to its posts of all tenants and years. The index of words and keys
answers "this word, of this tenant, of these weeks" without reading a row too many.
"""

from django.db import migrations

# search_sound: how a word sounds, in Cyrillic letters, so that python meets питон and telegram
# телеграм. Exact by design: no two letters that Russian keeps apart in a stem fall together but
# и/й/ы, е/э and doubled ones.
SOUND = r"""
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
"""
NO_SOUND = """
DROP INDEX idx_search_words_sound;
DROP FUNCTION search_sound;
"""

# search_keys: what a post is found by beside its words, as numbers. A search for one number is
# fast, for a hundred of them it is not. So a post has its week since 1970, and of the 4, 16, 64 and
# 256 weeks around it, from 1970 to 2048: any stretch of time is a few of these (`candidates.weeks.spans`). Negative and small
# numbers are samples: -1 is that of a 256th of all posts, -2 of a 128th, to -8 of half of them. All
# others are hashes, and a search checks the row, too, since two of them may be equal. The function
# calls none of ours: an index is built without a search_path.
#
# search_counted: what search_words counts of a post. ' 2951' is a week, '' is every post.
KEYS = r"""
CREATE FUNCTION search_week(moment timestamptz) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT greatest(0, least(4095, floor(extract(epoch FROM moment AT TIME ZONE 'UTC') / 604800)::int))
$$;

CREATE FUNCTION search_key(kind text, value text) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT hashtext(kind || ' ' || value)
$$;

CREATE FUNCTION search_keys(
    post_id uuid, tenant_id uuid, channel_id uuid, posted_at timestamptz, tags text[], has text[],
    lang text, classification text, is_meme boolean
) RETURNS int[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ARRAY[
        hashtext('tenant ' || tenant_id), hashtext('channel ' || channel_id),
        hashtext('lang ' || lang), hashtext('class ' || classification),
        hashtext('meme ' || is_meme)
    ]
    || ARRAY(
        SELECT level * 100000 + week / (4 ^ level)::int FROM generate_series(0, 4) AS level, (
            SELECT greatest(0, least(4095, floor(
                extract(epoch FROM posted_at AT TIME ZONE 'UTC') / 604800
            )::int)) AS week
        ) AS moment
    )
    || ARRAY(
        SELECT -1 - level FROM generate_series(0, 7) AS level
        WHERE get_byte(uuid_send(post_id), 15) < 2 ^ level
    )
    || ARRAY(SELECT hashtext('has ' || part) FROM unnest(has) AS part)
    || ARRAY(SELECT hashtext('tag ' || tag) FROM unnest(tags) AS tag)
$$;

CREATE FUNCTION search_counted(words tsvector, posted_at timestamptz) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT tsvector_to_array(words) || ARRAY['', ' ' || search_week(posted_at)]
$$;

-- fastupdate off: every search would read through the pending list until a vacuum.
CREATE INDEX idx_search_words_keys ON search_documents USING gin (
    words, search_keys(
        post_id, tenant_id, channel_id, posted_at, tags, has, lang, classification, is_meme
    )
) WITH (fastupdate = off);

CREATE INDEX idx_search_words_end ON search_words (tenant_id, left(word, 1), reverse(word));
"""
NO_KEYS = """
DROP INDEX idx_search_words_end;
DROP INDEX idx_search_words_keys;
DROP FUNCTION search_counted;
DROP FUNCTION search_keys;
DROP FUNCTION search_key;
DROP FUNCTION search_week;
"""

# One statement per statement, in the order of words, so that two writers of the same tenant wait
# for each other and cannot deadlock.
COUNTING = """
CREATE FUNCTION search_count_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO search_words (tenant_id, word, posts)
        SELECT tenant_id, word, sum(n) FROM (
            SELECT tenant_id, unnest(search_counted(words, posted_at)) AS word, 1 AS n FROM added
            UNION ALL
            SELECT tenant_id, unnest(search_counted(words, posted_at)), -1 FROM removed
        ) AS delta GROUP BY tenant_id, word HAVING sum(n) <> 0 ORDER BY tenant_id, word COLLATE "C"
        ON CONFLICT (tenant_id, word) DO UPDATE SET posts = search_words.posts + excluded.posts;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO search_words (tenant_id, word, posts)
        SELECT tenant_id, word, count(*) FROM (
            SELECT tenant_id, unnest(search_counted(words, posted_at)) AS word FROM added
        ) AS delta GROUP BY tenant_id, word ORDER BY tenant_id, word COLLATE "C"
        ON CONFLICT (tenant_id, word) DO UPDATE SET posts = search_words.posts + excluded.posts;
    ELSE
        UPDATE search_words SET posts = search_words.posts - delta.n FROM (
            SELECT tenant_id, word, count(*) AS n FROM (
                SELECT tenant_id, unnest(search_counted(words, posted_at)) AS word FROM removed
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
NO_COUNTING = """
DROP TRIGGER search_documents_inserted ON search_documents;
DROP TRIGGER search_documents_updated ON search_documents;
DROP TRIGGER search_documents_deleted ON search_documents;
DROP FUNCTION search_count_words;
"""

# No model: nobody but the search reads or writes it, and it is empty but for a minute.
TOMBSTONES = """
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
NO_TOMBSTONES = """
DROP TRIGGER search_documents_noted ON search_documents;
DROP FUNCTION search_note_deleted;
DROP TABLE search_tombstones;
"""


class Migration(migrations.Migration):
    dependencies = [("search", "0001_tables")]
    replaces = [
        ("search", "0002_vocabulary"),
        ("search", "0003_tombstones"),
        ("search", "0007_speed"),
    ]
    operations = [
        migrations.RunSQL(SOUND, NO_SOUND),
        migrations.RunSQL(KEYS, NO_KEYS),
        migrations.RunSQL(COUNTING, NO_COUNTING),
        migrations.RunSQL(TOMBSTONES, NO_TOMBSTONES),
    ]
