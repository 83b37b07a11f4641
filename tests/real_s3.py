"""
An S3 server that nobody here wrote: the one S3_TEST_* names, or Ceph's gateway on this machine.

The gateway is started once by the process that needs it, where ../shared/tools/rgw lies beside the
checkout and this user may install Debian's packages. Elsewhere what needs it says so loudly.
"""

import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from pydantic import SecretStr

from storage_quota.object_store.s3 import S3Store
from telegram_assistant.config import S3

TOOL = Path(__file__).resolve().parents[2] / "shared" / "tools" / "rgw"
NAMES = ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
START_SECONDS = 300
"""Fifteen, and the time that the packages take where they are not installed."""


@dataclass(frozen=True)
class RealServer:
    """Its variables, named as those of the product; `folder` only of a gateway on this machine."""

    variables: dict[str, str]
    folder: Path | None = None
    port: int = 0

    @property
    def client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.variables["S3_ENDPOINT_URL"],
            aws_access_key_id=self.variables["S3_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["S3_SECRET_ACCESS_KEY"],
            region_name=self.variables["S3_REGION"],
        )

    @contextmanager
    def bucket(self, *, versioned: bool = False) -> Iterator[str]:
        """A new bucket, deleted with all that is in it, unless the server ends with the tests."""
        client, name = self.client, f"archive-test-{uuid.uuid4().hex[:16]}"
        client.create_bucket(Bucket=name)
        if versioned:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        try:
            yield name
        finally:
            if self.folder is None:
                self._delete(client, name)

    @staticmethod
    def _delete(client, name: str) -> None:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
            for entry in page.get("Versions", []) + page.get("DeleteMarkers", []):
                client.delete_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])
        for upload in client.list_multipart_uploads(Bucket=name).get("Uploads", []):
            client.abort_multipart_upload(
                Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"]
            )
        client.delete_bucket(Bucket=name)

    def settings(self, bucket: str, **changes) -> S3:
        fields = {
            "endpoint_url": self.variables["S3_ENDPOINT_URL"],
            "bucket_name": bucket,
            "region": self.variables["S3_REGION"],
            "access_key_id": self.variables["S3_ACCESS_KEY_ID"],
            "secret_access_key": SecretStr(self.variables["S3_SECRET_ACCESS_KEY"]),
            "max_retry_attempts": 1,
            "connect_timeout_sec": 5,
            "read_timeout_sec": 90,  # a killed gateway keeps its locks for a while
        }
        return S3(**(fields | changes))

    def store(self, bucket: str, **changes) -> S3Store:
        return S3Store(self.settings(bucket, **changes))

    def kill(self) -> None:
        """SIGKILL to the gateway; what it had taken in stays."""
        if self.folder is None:
            pytest.skip("SKIPPED LOUDLY: the server that S3_TEST_* names is not ours to kill")
        _rgw("kill", self.folder, self.port)

    def again(self) -> None:
        _rgw("again", self.folder, self.port)


@pytest.fixture(scope="session")
def real_server(tmp_path_factory) -> Iterator[RealServer]:
    given = {name: os.environ.get(f"S3_TEST_{name}", "") for name in NAMES}
    if given["ENDPOINT_URL"]:
        region = os.environ.get("S3_TEST_REGION", "us-east-1")
        variables = {f"S3_{name}": value for name, value in given.items()}
        yield RealServer(variables | {"S3_REGION": region})
        return
    if not TOOL.is_file() or os.geteuid():
        pytest.skip(
            "SKIPPED LOUDLY: no real S3 server: S3_TEST_ENDPOINT_URL names none, and "
            f"{TOOL} is not there or this user is not root"
        )
    folder, port = tmp_path_factory.mktemp("rgw"), _free_port()
    try:
        said = _rgw("start", folder, port)
        words = [word for line in said.splitlines() for word in line.split()[1:]]
        yield RealServer(dict(word.split("=", 1) for word in words), folder, port)
    finally:
        _rgw("stop", folder, port)


@pytest.fixture(scope="session")
def only_real_s3(real_server: RealServer) -> Iterator[S3Store]:
    """Making a client takes boto3 some tenths of a second, so there is one."""
    with real_server.bucket() as bucket:
        yield real_server.store(bucket)


@pytest.fixture
def real_s3(only_real_s3: S3Store) -> S3Store:
    """An empty bucket of the real server."""
    return emptied(only_real_s3)


def emptied(store: S3Store) -> S3Store:
    for info in store.list():
        store.delete(info.key)
    for upload in store.uploads():
        store.abort(upload)
    if store._lifecycle():
        store._client.delete_bucket_lifecycle(Bucket=store._bucket)
    return store


@pytest.hookimpl(tryfirst=True)  # before pytest-socket reads its option
def pytest_configure(config: pytest.Config) -> None:
    """Let tests connect to the server that S3_TEST_ENDPOINT_URL names."""
    if host := urlsplit(os.environ.get("S3_TEST_ENDPOINT_URL", "")).hostname:
        addresses = {info[4][0] for info in socket.getaddrinfo(host, None)}
        config.option.allow_hosts = ",".join([config.option.allow_hosts, host, *addresses])


def _rgw(what: str, folder: Path | None, port: int) -> str:
    done = subprocess.run(
        ["bash", TOOL, what, folder],
        env=os.environ | {"PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
    )
    assert not done.returncode, f"rgw {what}: {done.stderr[-2000:]}"
    return done.stdout


def _free_port() -> int:
    """A port that is free, and so is the one of the monitor 5820 above it."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port + 5820 > 65535:
                continue
            try:
                other.bind(("127.0.0.1", port + 5820))
            except OSError:
                continue
            return port
