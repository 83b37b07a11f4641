"""Every page of the console, by everybody, about own, foreign and missing rows."""

import pytest

from tests.permission_table import survey
from tests.permission_table.asking import Console
from tests.permission_table.oracle import ASKERS, FOUR_KINDS, KINDS, PAGES_OF_A_ROW
from tests.permission_table.world import World

pytestmark = pytest.mark.django_db
BRIEFLY = ("look", "change")
"""Pages of a row that are asked for in every run of the tests."""


@pytest.mark.sampled(8)
@pytest.mark.parametrize("kind", KINDS)
def test_each_page_answers_as_the_table_says(console: Console, world: World, kind: str):
    askers = [asker for asker in ASKERS if asker.name in FOUR_KINDS]

    survey.of_pages(console, world, kind, askers, BRIEFLY).check()


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_so_does_each_other_page_of_a_row(console: Console, world: World, kind: str):
    askers = [asker for asker in ASKERS if asker.name in FOUR_KINDS]

    survey.of_pages(console, world, kind, askers, set(PAGES_OF_A_ROW) - set(BRIEFLY)).check()


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_each_page_answers_everybody_as_the_table_says(console: Console, world: World, kind: str):
    askers = [asker for asker in ASKERS if asker.name not in FOUR_KINDS]

    survey.of_pages(console, world, kind, askers).check()
