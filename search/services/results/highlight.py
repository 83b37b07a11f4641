"""Matching words in the texts of hits, marked by PostgreSQL, which knows their stems."""

from collections.abc import Sequence

from django.db import connection

from search import emoji
from search.documents import searched_form
from search.fragments import START, STOP, Fragment, fragment_of
from search.index.postgresql.lexemes import any_of

MOST_CHARS = 20_000
"""Of a text; words that match further on are not shown."""
_NO_TAGS = str.maketrans({"<": "‹", START: " ", STOP: " "})
"""PostgreSQL leaves <b> out of a headline, and places would shift."""


def highlight(texts: Sequence[str], lexemes: Sequence[str]) -> list[Fragment]:
    """Return a fragment of each text with the words whose lexemes match; one query for all."""
    cut = [text[:MOST_CHARS] for text in texts]
    forms = [searched_form(text).translate(_NO_TAGS) for text in cut]
    marked = _marked(forms, lexemes) if lexemes else forms
    marked = [emoji.marked(form, lexemes, START, STOP) for form in marked]
    return [fragment_of(form, text) for form, text in zip(marked, cut, strict=True)]


def _marked(forms: Sequence[str], lexemes: Sequence[str]) -> list[str]:
    options = f'HighlightAll=true, StartSel="{START}", StopSel="{STOP}"'
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ts_headline('russian', form, %s::tsquery, %s)"
            " FROM unnest(%s::text[]) WITH ORDINALITY AS t (form, n) ORDER BY n",
            [any_of(lexemes), options, list(forms)],
        )
        return [row[0] for row in cursor.fetchall()]
