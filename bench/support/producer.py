"""
Keeps publishing into the bench's database: `python -m bench.support.producer NAME SECONDS PER_SECOND`.

Prints the number of published events at its end.
"""

import os
import sys
import time

AT_ONCE = 5


def main() -> None:
    name, seconds, per_second = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "bench.support.cluster_settings",
        "BENCH_DATABASE": name,
    }
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    import django  # noqa: PLC0415 - the settings are named first

    django.setup()
    print(_publish(seconds, per_second))


def _publish(seconds: float, per_second: float) -> int:
    from django.db import transaction  # noqa: PLC0415 - after django.setup()

    from bench.bus import SLOW, Ping, millisecond  # noqa: PLC0415
    from events import outbox, subscriptions  # noqa: PLC0415

    subscriptions.subscribe(Ping, name=SLOW)(millisecond)
    started, count = time.monotonic(), 0
    while (elapsed := time.monotonic() - started) < seconds:
        if count > elapsed * per_second:
            time.sleep(0.002)
            continue
        with transaction.atomic():
            outbox.publish_many(
                [Ping(tenant_id="t", idempotency_key=f"kept:{count + i}") for i in range(AT_ONCE)]
            )
        count += AT_ONCE
    return count


if __name__ == "__main__":
    main()
