"""
Serve until stopped. The first line on stdout is the URL, the last line on stderr a summary.

GIGACHAT_BASE_URL is that URL and /v1, GIGACHAT_AUTH_URL and /api/v2/oauth. Counters:
GET /_stub/stats; faults: POST /_stub/faults {"faults": [{"kind": "rate_limited", "count": 3}]}.
Certificates for --chain: python -m tests.gigachat_stub.certificates FOLDER.
"""

import argparse
import signal
import sys
import threading
from pathlib import Path

from tests.gigachat_stub.faults import KINDS, MIXED
from tests.gigachat_stub.server import Stub
from tests.gigachat_stub.state import CLIENT_ID, CLIENT_SECRET, Behavior


def main() -> None:
    args = _arguments()
    behavior = Behavior(
        client_id=args.client_id, client_secret=args.client_secret, latency=args.latency,
        token_seconds=args.token_seconds, parallel=args.parallel,
    )  # fmt: skip
    stub = Stub(port=args.port, behavior=behavior, chain=args.chain)
    if args.faults:
        kinds = args.kinds.split(",")
        mixed = {"kind": "mixed", "probability": args.faults, "kinds": kinds}
        stub.faults.plan([mixed], seed=args.seed)
    stopped = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stopped.set())
    with stub:
        print(stub.url, flush=True)  # noqa: T201
        stopped.wait()
    stats = stub.stats()
    print(  # noqa: T201
        f"GigaChat stub: {stats['answers']} answers about {stats['pictures_seen']} pictures,"
        f" {stats['tokens'].get('total_tokens', 0)} tokens, at most {stats['max_in_flight']} at a time",
        file=sys.stderr,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.gigachat_stub", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any that is free")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds of each chat")
    parser.add_argument("--parallel", type=int, help="chats at a time; as the scope has it")
    parser.add_argument("--token-seconds", type=float, default=1800)
    parser.add_argument("--client-id", default=CLIENT_ID)
    parser.add_argument("--client-secret", default=CLIENT_SECRET)
    parser.add_argument("--chain", type=Path, help="serve TLS with this PEM of key and certificate")
    parser.add_argument("--faults", type=float, default=0.0, help="share of chats, 0 to 1")
    parser.add_argument("--kinds", default=",".join(MIXED), help=f"of: {', '.join(KINDS)}")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
