"""Every page of the console, by everybody, about own, foreign and missing rows."""

import pytest

from tests.permission_table import survey
from tests.permission_table.asking import Console
from tests.permission_table.oracle import ASKERS, FOUR_KINDS, KINDS
from tests.permission_table.world import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", KINDS)
def test_each_page_answers_as_the_table_says(console: Console, world: World, kind: str):
    askers = [asker for asker in ASKERS if asker.name in FOUR_KINDS]

    survey.of_pages(console, world, kind, askers).check()


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_each_page_answers_everybody_as_the_table_says(console: Console, world: World, kind: str):
    askers = [asker for asker in ASKERS if asker.name not in FOUR_KINDS]

    survey.of_pages(console, world, kind, askers).check()
