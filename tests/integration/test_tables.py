"""What the tables promise to whoever queries them: names, indexes, constraints, types."""

import uuid

import pytest
from django.db import IntegrityError, connection, transaction

from tests import factories as make
from tests.plans import plan_with_one_index

pytestmark = pytest.mark.django_db

VERIFICATION = """
SELECT
    'media_groups' AS component,
    CASE WHEN EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'media_groups')
         THEN '✓ OK' ELSE '✗ MISSING' END AS status
UNION ALL
SELECT 'media_group_items',
    CASE WHEN EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'media_group_items')
         THEN '✓ OK' ELSE '✗ MISSING' END
UNION ALL
SELECT 'posts.grouped_id',
    CASE WHEN EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'posts' AND column_name = 'grouped_id')
         THEN '✓ OK' ELSE '✗ MISSING' END
UNION ALL
SELECT 'idx_posts_grouped_id',
    CASE WHEN EXISTS (SELECT 1 FROM pg_indexes WHERE tablename = 'posts' AND indexname = 'idx_posts_with_grouped_id')
         THEN '✓ OK' ELSE '⚠ NOT CREATED' END
"""
"""The query of the design with which an installation is verified, word for word."""


def rows(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def definition(index):
    return dict(rows("SELECT indexname, indexdef FROM pg_indexes")).get(index, "")


class TestFact117Indexes:
    def test_the_query_of_verification_finds_all_four(self):
        assert rows(VERIFICATION) == [
            ("media_groups", "✓ OK"),
            ("media_group_items", "✓ OK"),
            ("posts.grouped_id", "✓ OK"),
            ("idx_posts_grouped_id", "✓ OK"),
        ]

    def test_the_indexes_are_those_of_the_contract(self):
        kinds = definition("ux_post_enrichment_post_kind")
        assert kinds.startswith("CREATE UNIQUE INDEX")
        assert "ON public.post_enrichment" in kinds
        assert kinds.endswith("(post_id, kind)")
        assert definition("idx_posts_has_media_true").endswith("WHERE has_media")
        assert definition("idx_posts_with_grouped_id").endswith("WHERE (grouped_id IS NOT NULL)")
        assert definition("idx_pe_metadata").endswith("USING gin (metadata jsonb_path_ops)")

    @pytest.mark.parametrize(
        ("index", "table", "statement", "used"),
        [
            ("ux_post_enrichment_post_kind", "post_enrichment",
             "SELECT * FROM post_enrichment WHERE post_id = %s AND kind = 'vision'",
             "((post_id = '{0}'::uuid) AND ((kind)::text = 'vision'::text))"),
            ("idx_posts_with_grouped_id", "posts",
             "SELECT * FROM posts WHERE channel_id = %s AND grouped_id = -1",
             "((channel_id = '{0}'::uuid) AND (grouped_id = '-1'::integer))"),
            ("idx_posts_has_media_true", "posts",
             "SELECT * FROM posts WHERE channel_id = %s AND has_media",
             "(channel_id = '{0}'::uuid)"),
            ("idx_pe_metadata", "post_enrichment",
             "SELECT * FROM post_enrichment WHERE metadata @> jsonb_build_object('x', %s::text)", "(metadata @> "),
        ],
    )  # fmt: skip
    def test_what_they_are_for_is_answered_from_them(self, index, table, statement, used):
        wanted = uuid.uuid4()

        plan = plan_with_one_index(statement, wanted, table=table, index=index)

        assert index in plan
        assert f"Index Cond: {used.format(wanted)}" in plan


class TestFact120MediaObjects:
    def test_a_content_is_there_once_for_each_tenant(self):
        owner, other = make.tenant(), make.tenant()
        media = make.media_object(owner=owner, body=b"one")
        make.media_object(owner=other, body=b"one")

        media.pk = uuid.uuid4()
        with pytest.raises(IntegrityError, match="file_sha256"), transaction.atomic():
            media.save(force_insert=True)

    def test_its_id_is_a_uuid_to_which_the_items_of_albums_refer(self):
        types = rows(
            "SELECT data_type FROM information_schema.columns"
            " WHERE table_name = 'media_objects' AND column_name = 'id'"
        )
        keys = rows(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'"
            " AND conrelid = 'media_group_items'::regclass"
        )

        assert types == [("uuid",)]
        assert any(
            text.startswith("FOREIGN KEY (media_object_id) REFERENCES media_objects(id)")
            for (text,) in keys
        ), keys


@pytest.mark.parametrize("table", ["events_delivery", "post_media_map"])
def test_of_the_tables_that_are_written_most_no_index_is_the_beginning_of_another(table):
    """Each row would pay for both: an import writes some four tasks for a post."""
    found = rows(
        """
        SELECT one.indexrelid::regclass FROM pg_index AS one JOIN pg_index AS other USING (indrelid)
        WHERE indrelid = %s::regclass AND one.indpred IS NULL AND other.indpred IS NULL
            AND NOT one.indisunique AND other.indkey::text LIKE one.indkey::text || ' %%'
        """,
        table,
    )

    assert found == []
