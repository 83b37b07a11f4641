"""The settings of `bench.support.cluster`: the product's, on the bench's database and bucket."""

import os
from pathlib import Path

from telegram_assistant.settings import *  # noqa: F403 - all of them
from telegram_assistant.settings import DATABASES, ENV, Q_CLUSTER

DATABASES["default"]["NAME"] = os.environ["BENCH_DATABASE"]
if folder := os.environ.get("BENCH_OBJECTS_DIR"):
    OBJECTS_DIR = Path(folder)
# Every result is kept, since the bench counts them; as many workers as there are queues to serve.
Q_CLUSTER |= {"save_limit": 0, "workers": ENV.web.q_workers}
