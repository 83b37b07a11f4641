"""Search posts by words, or by a message's id or link."""

import re
from functools import reduce
from operator import and_, or_
from typing import Final

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet

from media.models import SEARCHED_WORDS, Channel, Post
from media.posts.word_forms import query_forms
from media.posts.written_words import Unit, Written, alternatives

BIGGEST_ID = 2**63 - 1
WRITTEN_IN = ("content", "other_words", "picture_words")
NO_LIMIT = 10**9
"""
A LIMIT makes PostgreSQL search the index of words first. Without it the planner reads posts by
date and stems each of them until enough match: 8 s for a rare word among 300 000 posts.
"""
_NUMBER = re.compile(r"#?(\d{1,19})")
_LINK = re.compile(
    r"(?:https?://)?(?:www\.)?t(?:elegram)?\.me/(?:s/)?(?:c/(?P<bare>\d{1,12})|(?P<name>\w+))"
    r"/(?:\d+/)?(?P<number>\d{1,18})/?(?:\?\S*)?",
    re.IGNORECASE | re.ASCII,
)
_MARK: Final = 10**12
"""Telegram's programs add it to the id of a channel, and a minus."""


def find_posts(posts: QuerySet[Post], term: str) -> QuerySet[Post]:
    """Return the posts of `posts` that match; `term` in the syntax of web searches."""
    return _found(posts, _words(term) | _message(term))


def _message(term: str) -> Q:
    """The posts with this number, or the one of this link; no condition for any other term."""
    if (number := _NUMBER.fullmatch(term)) and int(number[1]) <= BIGGEST_ID:
        return Q(telegram_message_id=int(number[1]))
    if (link := _LINK.fullmatch(term)) is None:
        return Q()
    named = Q(username__iexact=link["name"])
    if link["bare"]:
        named = Q(tg_channel_id=-_MARK - int(link["bare"]))
    # Asked for first: a join with the channels would keep the index of words from being used.
    channels = list(Channel.objects.filter(named).values_list("pk", flat=True))
    return Q(channel__in=channels, telegram_message_id=int(link["number"]))


def find_words(posts: QuerySet[Post], term: str) -> QuerySet[Post]:
    """
    Return the posts with these words; a number is one of them, and no message's id.

    Words with marks, as C++ and .NET, are found as they are written.
    """
    ways = [reduce(and_, map(_unit, units)) for units in alternatives(term)]
    return _found(posts, reduce(or_, ways))


def _found(posts: QuerySet[Post], condition: Q) -> QuerySet[Post]:
    matches = Post.objects.alias(words=SEARCHED_WORDS).filter(condition).order_by().values("pk")
    return posts.filter(pk__in=matches[:NO_LIMIT])


def _unit(unit: Unit) -> Q:
    found = reduce(and_, map(_written, unit.written), _words(unit.words))
    return ~found if unit.is_refused else found


def _written(word: Written) -> Q:
    # The other words of a post are the pieces of its links as well, in which a letter is no word.
    names = ["content", "picture_words"] if word.is_letter else WRITTEN_IN
    return reduce(or_, (Q(**{f"{name}__iregex": word.pattern}) for name in names))


def _words(term: str) -> Q:
    # The same expression as the index idx_posts_content_words, or it is not used. The Russian
    # configuration stems English words too.
    forms = [
        SearchQuery(form, config="russian", search_type="websearch") for form in query_forms(term)
    ]
    return Q(words=reduce(or_, forms))
