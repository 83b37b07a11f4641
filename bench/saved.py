"""
`python -m bench.saved`: what saved searches add to the indexing of posts, by words.

Posts of 40 words out of a thousand, in batches as the product's worker takes them; they are new in
each round. The searches are kept by ten users: two of the words, every third with
conditions. Sides take turns, the median of the rounds counts; the bound is the time with a hundred searches
against that with none. How many matched is printed: a comparison that finds nothing would be cheap.
"""

import random
import sys
import time
from collections.abc import Sequence
from statistics import median
from uuid import UUID

from bench.support import database

database.setup()

from django.utils import timezone  # noqa: E402 - after django.setup()

from accounts.models import Membership, User  # noqa: E402
from bench.support import report  # noqa: E402
from bench.support.report import Figure  # noqa: E402
from media.models import Channel, Post  # noqa: E402
from search.handlers import WORDS_BATCH  # noqa: E402
from search.models import SavedSearch, SearchDocument, SearchMatch  # noqa: E402
from search.saved.follow import index_and_match  # noqa: E402
from tests import factories as make  # noqa: E402

POSTS, ROUNDS, USERS = 600, 3, 10
SEARCHES = (0, 10, 100, 500)
CEILING = 2.0
WORDS = [
    "снег",
    "горы",
    "банк",
    "ставка",
    "реклама",
    "подкаст",
    "python",
    "docker",
    "кот",
    "погода",
    "футбол",
    "музыка",
    "выставка",
    "налог",
    "город",
    "метро",
    "концерт",
    "лекция",
    "статья",
    "книга",
    "сервер",
    "облако",
    "нейросеть",
    "стартап",
    "рубль",
    "доллар",
    "отпуск",
]
VOCABULARY = [f"{word}{number}" for word in WORDS for number in range(1000 // len(WORDS))]
"""A search of two of them matches a post in six hundred."""


def main() -> int:
    chance = random.Random(7)
    with database.fresh():
        channel = make.channel()
        posts = _posts(channel, chance)
        users = [make.member("viewer", channel.tenant) for _ in range(USERS)]
        seconds: dict[int, list[float]] = {number: [] for number in SEARCHES}
        matched = 0
        for turn in range(ROUNDS):
            for number in SEARCHES if turn % 2 else SEARCHES[::-1]:
                _keep(users, number, chance)
                SearchDocument.objects.all().delete()
                started = time.perf_counter()
                _index(posts)
                seconds[number].append(time.perf_counter() - started)
                matched = max(matched, SearchMatch.objects.count())
        Membership.objects.all().delete()
        User.objects.all().delete()
    none = median(seconds[0])
    figures = [
        Figure(f"saved: posts indexed a second with {number}", POSTS / median(times), unit="1/s")
        for number, times in seconds.items()
    ]
    figures += [
        Figure("saved: time with 10 against none", median(seconds[10]) / none, unit="times"),
        Figure(
            "saved: time with 100 against none", median(seconds[100]) / none, at_most=CEILING,
            unit="times",
        ),
        Figure("saved: time with 500 against none", median(seconds[500]) / none, unit="times"),
        Figure("saved: matches with 500", matched),
    ]  # fmt: skip
    return report.close(figures)


def _posts(channel: Channel, chance: random.Random) -> list[UUID]:
    texts = [" ".join(chance.choices(VOCABULARY, k=40)) for _ in range(POSTS)]
    return [make.post(of=channel, content=text).pk for text in texts]


def _keep(users: Sequence[User], number: int, chance: random.Random) -> None:
    SavedSearch.objects.all().delete()
    now = timezone.now()
    SavedSearch.objects.bulk_create(
        SavedSearch(
            user=users[n % USERS],
            name=str(n),
            text=" ".join(chance.sample(VOCABULARY, 2))
            + (" -has:video after:30d" if n % 3 == 0 else ""),
            since=now,
            created_at=now,
        )
        for n in range(number)
    )
    Post.objects.update(created_at=timezone.now())


def _index(posts: Sequence[UUID]) -> None:
    for start in range(0, len(posts), WORDS_BATCH):
        index_and_match(posts[start : start + WORDS_BATCH], now=timezone.now())


if __name__ == "__main__":
    sys.exit(main())
