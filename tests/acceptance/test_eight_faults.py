"""
Real workers, a real S3 server, GigaChat's stub: `e2e_vision` and `doctor` name what is broken.

The same table as in tests/integration/test_end_to_end.py, with processes and the time they take.
"""

import json
import socket
import time
from contextlib import closing

import pytest

from events.workers import heartbeats
from tests.acceptance.product import Product, wait_until
from tests.gigachat_stub import CLIENT_ID, CLIENT_SECRET, Stub
from tests.integration.test_end_to_end import EIGHT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

WITHIN = 120
"""Seconds in which both commands have their answer, whatever is broken."""

CHANGES = {
    "no_token": {"GIGACHAT_CLIENT_SECRET": "wrong"},
    "wrong_model": {"GIGACHAT_VISION_MODEL": "GigaChat-9"},
    "budget_gone": {"VISION_MAX_DAILY_TOKENS": "100"},
    "flag_off": {"FEATURE_VISION_ENABLED": "false"},
}
"""What is set otherwise, for the workers as well."""


@pytest.fixture
def stub():
    with Stub() as stub:
        yield stub


@pytest.fixture
def product(stub, moto, bucket, tmp_path):
    product = Product(tmp_path)
    product.extra = {
        "GIGACHAT_CREDENTIALS": "",
        "GIGACHAT_CLIENT_ID": CLIENT_ID,
        "GIGACHAT_CLIENT_SECRET": CLIENT_SECRET,
        "GIGACHAT_SCOPE": "GIGACHAT_API_CORP",
        "GIGACHAT_BASE_URL": stub.base_url,
        "GIGACHAT_AUTH_URL": stub.auth_url,
        "GIGACHAT_VISION_MODEL": "",
        "GIGACHAT_MODEL": "",
        "S3_ENDPOINT_URL": moto,
        "S3_BUCKET_NAME": bucket,
        "S3_ACCESS_KEY_ID": "key",
        "S3_SECRET_ACCESS_KEY": "secret",
        "LOG_LEVEL": "ERROR",
    }
    yield product
    product.kill_workers()


def nobody_at() -> str:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def timed(product, *arguments):
    started = time.monotonic()
    done = product.manage(*arguments, "--json")
    assert time.monotonic() - started < WITHIN
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def start(product, queues=("default", "vision")):
    product.start_workers()
    assert wait_until(lambda: not heartbeats.unserved(queues), seconds=60), product.log


def test_with_everything_well_both_say_so(product):
    start(product)

    report, code = timed(product, "e2e_vision", "--no-web")
    assert (report.get("reason"), code) == (None, 0)
    report, code = timed(product, "doctor", "--pay")
    assert (report["status"] != "failed", code) == (True, 0), report


@pytest.mark.parametrize("fault", EIGHT)
def test_each_fault_is_named_within_two_minutes(product, stub, fault):
    step, word, check = EIGHT[fault]
    product.extra |= CHANGES.get(fault, {})
    if fault != "no_worker":
        start(product, ("default",) if fault == "flag_off" else ("default", "vision"))
    if fault == "payment_required":
        stub.fail("payment_required")
    if fault == "hanging":
        stub.fail("timeout", endpoint="any", seconds=300)
    if fault == "s3_down":
        product.extra["S3_ENDPOINT_URL"] = nobody_at()

    report, code = timed(product, "e2e_vision", "--no-web")
    assert (report["step"], code) == (step, 1), report
    assert word in report["reason"] or fault == "hanging"

    report, code = timed(product, "doctor", "--pay")
    failed = {
        f"{name}: {found['step']}" if found["step"] else name
        for name, one in report["checks"].items()
        for found in one["findings"]
        if found["status"] == "failed"
    }
    assert check in failed, failed
    assert code == 1
