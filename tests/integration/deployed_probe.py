"""
Asks an installation with DEPLOYED for answers of every kind, and prints them as JSON.

In a process of its own: what is secure is decided when the settings load. What it prints is
`{name: {"status": …, "headers": …, "cookies": …}}`.
"""

import json
import sys

import django
from django.test import Client

django.setup()

HOST = "archive.example"
ASKED = {
    "door": ("/accounts/login/", {}),
    "page": ("/admin/", {}),
    "static": ("/static/console/console.css", {}),
    "missing": ("/nothing", {}),
    "missing of the api": ("/api/v1/nothing", {}),
    "refused": ("/api/v1/storage/stats", {}),
    "live": ("/health/live", {}),
    "metrics": ("/metrics", {"HTTP_X_FORWARDED_FOR": "203.0.113.5"}),
    "other host": ("/admin/", {"SERVER_NAME": "evil.example"}),
    "other host at health": ("/health/live", {"SERVER_NAME": "evil.example"}),
    "not secure": ("/admin/", {"secure": False}),
    "other host, not secure": ("/admin/", {"SERVER_NAME": "evil.example", "secure": False}),
    "live, not secure": ("/health/live", {"secure": False}),
    "said to be secure": ("/admin/", {"secure": False, "HTTP_X_FORWARDED_PROTO": "https"}),
}


def answer(path: str, how: dict) -> dict:
    client = Client(raise_request_exception=False)
    given = client.get(path, **{"secure": True, "SERVER_NAME": HOST, **how})
    return {
        "status": given.status_code,
        "headers": dict(given.headers),
        "cookies": {name: dict(cookie) for name, cookie in client.cookies.items()},
    }


if __name__ == "__main__":
    json.dump({name: answer(*asked) for name, asked in ASKED.items()}, sys.stdout)
