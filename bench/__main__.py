"""`make bench`: everything that must hold, each figure a ratio measured in one run."""

import argparse
import subprocess
import sys
import time

BENCHES = ("bus", "cleanup", "imports", "memory", "near", "ocr", "quota", "vision")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], help="only these")
    chosen = parser.parse_args().names or BENCHES
    failed = []
    for name in chosen:
        print(f"== {name}", flush=True)
        started = time.monotonic()
        # A process each: what one subscribes or imports must not weigh on the next.
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode:
            failed.append(name)
        print(f"   ({time.monotonic() - started:.0f} s)\n", flush=True)
    print("All figures hold." if not failed else f"Out of bounds: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
