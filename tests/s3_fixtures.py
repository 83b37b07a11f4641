"""
A real S3 server over HTTP (moto's), and stores that talk to it, one of them through a proxy
that fails at will.
"""

import logging
import uuid
from collections.abc import Callable, Iterator
from functools import cache

import boto3
import pytest
from botocore.loaders import JSONFileLoader, Loader
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from storage_quota.object_store.s3 import S3Store
from telegram_assistant.config import S3
from tests.faulty_proxy import FaultyProxy

PART_BYTES = 5 * 1024**2


def s3_settings(endpoint: str, bucket: str = "test-bucket", **changes) -> S3:
    fields = {
        "endpoint_url": endpoint,
        "bucket_name": bucket,
        "access_key_id": "key",
        "secret_access_key": SecretStr("secret"),
        "max_retry_attempts": 1,
        "connect_timeout_sec": 5,
        "read_timeout_sec": 20,
    }
    return S3(**(fields | changes))


@pytest.fixture(scope="session")
def _services_are_described_once() -> Iterator[None]:
    """
    boto3 reads megabytes of JSON for each client, and tests make hundreds of them.

    The services are hundreds of folders, listed by each client as well.
    """
    read, list_services = JSONFileLoader.load_file, Loader.list_available_services
    listed: dict[tuple[str, ...], list[str]] = {}

    @cache
    def described(path: str) -> object:
        return read(JSONFileLoader(), path)

    def listed_once(loader: Loader, type_name: str) -> list[str]:
        key = (type_name, *loader.search_paths)
        if key not in listed:
            listed[key] = list_services(loader, type_name)
        return listed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loader, "list_available_services", listed_once)
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: described(path))
        yield


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def bucket(moto: str) -> str:
    name = f"b-{uuid.uuid4().hex}"
    client = boto3.client(
        "s3",
        endpoint_url=moto,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="ru-central-1",
    )
    client.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ru-central-1"}
    )
    return name


@pytest.fixture(scope="session")
def only_s3(moto: str, bucket: str) -> S3Store:
    """Making a client takes boto3 some tenths of a second, so there is one."""
    return S3Store(s3_settings(moto, bucket=bucket))


@pytest.fixture
def s3(only_s3: S3Store) -> S3Store:
    """An empty bucket."""
    for info in only_s3.list():
        only_s3.delete(info.key)
    for upload in only_s3.uploads():
        only_s3.abort(upload)
    only_s3._client.delete_bucket_lifecycle(Bucket=only_s3._bucket)
    return only_s3


@pytest.fixture(scope="session")
def only_proxy(moto: str) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(moto)
    yield proxy
    proxy.close()


@pytest.fixture
def proxy(only_proxy: FaultyProxy) -> Iterator[FaultyProxy]:
    only_proxy.reset()
    yield only_proxy
    only_proxy.carry_out_the_late()


@pytest.fixture(scope="session")
def behind_proxy(only_proxy: FaultyProxy, bucket: str) -> Callable[..., S3Store]:
    """A store that reaches the server through the proxy, with these settings changed."""

    @cache
    def make(**changes) -> S3Store:
        return S3Store(s3_settings(only_proxy.url, bucket=bucket, **changes))

    return make
