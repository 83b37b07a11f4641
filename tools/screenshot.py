"""
Photograph the console for the README: `make screenshot`.

The product runs on data of its own under a temporary folder: nothing of an installation or of
its .env is read or changed. The pictures are docs/images/console.png and console-ru.png.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, expect, sync_playwright

from telegram_assistant.embedded_postgres.server import start_postgres, stop_postgres

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURES: Final = {"en-US": "console.png", "ru-RU": "console-ru.png"}
WIDTH, HEIGHT = 1280, 800
"""Of the window, in pixels."""
ARGUMENTS: Final = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
NOT_CONFIGURED: Final = (
    "S3_BUCKET_NAME", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY",
    "GIGACHAT_CREDENTIALS", "GIGACHAT_CLIENT_ID", "GIGACHAT_CLIENT_SECRET",
)  # fmt: skip
"""Set to nothing, so that an .env beside manage.py brings in neither a bucket nor an account."""
START_SECONDS: Final = 60


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("There is no chromium to take the picture with: apt-get install chromium")
    password = secrets.token_urlsafe(12)
    with _product(password) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for locale, name in PICTURES.items():
            target = ROOT / "docs" / "images" / name
            _photograph(browser, address, password, locale=locale, target=target)
            size_kb = target.stat().st_size // 1024
            sys.stdout.write(f"{target.relative_to(ROOT)}: {size_kb} kB\n")
        browser.close()


@contextmanager
def _product(password: str) -> Iterator[str]:
    """A web server over the sample channel, imported and worked off; yields its address."""
    with tempfile.TemporaryDirectory(prefix="screenshot-") as folder, _database(folder) as url:
        environment = os.environ | dict.fromkeys(NOT_CONFIGURED, "")
        environment |= {
            "VAR_DIR": folder, "DATABASE_URL": url, "LOG_LEVEL": "WARNING", "DEBUG": "false",
            "ALLOWED_HOSTS": "127.0.0.1", "HTTPS_ONLY": "false",
            "DJANGO_SUPERUSER_PASSWORD": password,
        }  # fmt: skip
        manage = [sys.executable, str(ROOT / "manage.py")]
        for command in (
            ["migrate", "--verbosity", "0"],
            ["createsuperuser", "--noinput", "--username", "admin", "--email", ""],
            ["demo"],
            ["verify_storage", "--all"],
        ):
            subprocess.run(  # noqa: S603 - our own manage.py
                [*manage, *command], env=environment, check=True, stdout=sys.stderr
            )
        with _web_server(environment) as address:
            yield address


@contextmanager
def _database(folder: str) -> Iterator[str]:
    """A PostgreSQL that ends with us; named by a URL, which wins over an .env."""
    data = Path(folder) / "postgres"
    host = start_postgres(data, database="screenshot")
    try:
        yield f"postgresql://postgres@/screenshot?host={host}"
    finally:
        stop_postgres(data)


@contextmanager
def _web_server(environment: dict[str, str]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gunicorn = [sys.executable, "-m", "gunicorn", "telegram_assistant.wsgi", "--threads", "4"]
    server = subprocess.Popen(  # noqa: S603 - our own web server
        [*gunicorn, "--bind", f"127.0.0.1:{port}", "--no-control-socket"],
        env=environment, cwd=ROOT,
    )  # fmt: skip
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=START_SECONDS)


def _wait_for(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    sys.exit("The web server did not start")


def _photograph(
    browser: Browser, address: str, password: str, *, locale: str, target: Path
) -> None:
    """Log in as a person would and take the first page."""
    context = browser.new_context(
        base_url=address, locale=locale, color_scheme="light",
        viewport={"width": WIDTH, "height": HEIGHT},
    )  # fmt: skip
    page = context.new_page()
    page.goto("/admin/")
    page.fill("#id_login", "admin")
    page.fill("#id_password", password)
    page.click("[type=submit]")
    expect(page.locator(".console-figures")).to_be_visible()
    page.reload()  # without the message that somebody has signed in
    expect(page.locator(".console-figures")).to_be_visible()
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    target.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=target)
    context.close()


if __name__ == "__main__":
    main()
