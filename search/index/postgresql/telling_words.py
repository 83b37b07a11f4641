"""The words that tell a post from others: the rare ones that others have, too."""

from uuid import UUID

from django.db import connection

MOST_WORDS = 12


def telling_words(post_id: UUID) -> list[str]:
    """Return lexemes of the document of a post, the rarest first; those of no other post are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT known.word FROM search_documents AS document"
            " CROSS JOIN LATERAL unnest(tsvector_to_array(document.words)) AS lexeme"
            " JOIN search_words AS known"
            " ON known.tenant_id = document.tenant_id AND known.word = lexeme"
            " WHERE document.post_id = %s AND known.posts > 1"
            " ORDER BY known.posts, length(known.word) DESC, known.word LIMIT %s",
            [post_id, MOST_WORDS],
        )
        return [row[0] for row in cursor.fetchall()]
