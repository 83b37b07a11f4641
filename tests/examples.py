"""
How many examples hypothesis makes: one of five in each run, other ones every time, all in `make long`.

All of them are a quarter of the suite's time; a run is to be waited for.
"""

import os

ALL = "TEST_ALL_EXAMPLES"
"""Variable that is set where time does not matter."""


def examples(of: int) -> int:
    return of if ALL in os.environ else max(of // 5, 1)
