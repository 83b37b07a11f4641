"""What is tested here needs no database, so that all of it takes seconds."""

import pytest


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    pytest.fail("a test that needs the database belongs to tests/integration")
