"""Whether interpreters that are forked for the tests are like those that are started anew."""

import os
import signal
import subprocess
import sys

import pytest

from tests.processes import ROOT, Python, SetUpPython, run_python

TELL = """
import os, signal, sys
print(sys.argv, os.getcwd(), dict(os.environ), os.getsid(0) == os.getpid(), __name__)
print([signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)])
"""


def started_anew(*arguments, **how):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True, text=True, check=False, **{"cwd": ROOT} | how,
    )  # fmt: skip


@pytest.mark.parametrize("session", [True, False])
def test_arguments_environment_folder_and_session_are_its_own(session):
    how = {"env": {"ONLY": "это", "LC_CTYPE": "C.UTF-8"}, "start_new_session": session}

    forked, anew = (run("-c", TELL, "a", "б", **how) for run in (run_python, started_anew))

    assert forked.stdout == anew.stdout


@pytest.mark.parametrize(
    "code",
    [
        "print('out'); import sys; print('err', file=sys.stderr); sys.exit(3)",
        "raise SystemExit('why')",
        "import atexit; atexit.register(print, 'bye')",
        "import threading as t; t.Timer(0.1, print, ['later']).start()",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os._exit(7)",
    ],
)
def test_it_ends_and_prints_as_any_interpreter(code):
    forked, anew = (run("-c", code, stdin=subprocess.DEVNULL) for run in (run_python, started_anew))

    assert (forked.returncode, forked.stdout, forked.stderr) == (
        anew.returncode, anew.stdout, anew.stderr,
    )  # fmt: skip


def test_a_module_and_a_file_are_run_as_the_main_one(tmp_path):
    file = tmp_path / "main.py"
    file.write_text("import sys; print(__name__, __file__, sys.argv)")

    assert run_python(file, "x").stdout == started_anew(file, "x").stdout
    assert run_python("-m", "calendar", "2026", "1").stdout == (
        started_anew("-m", "calendar", "2026", "1").stdout
    )


def test_it_can_be_spoken_to_waited_for_and_killed():
    with Python(
        "-c", "print(input()); input()", text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdin.write("hello\n")
        process.stdin.flush()
        assert process.stdout.readline() == "hello\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


@pytest.mark.costly
def test_nobody_is_left_when_many_end_at_once():
    begun = [Python("-c", f"raise SystemExit({number})") for number in range(8)]

    assert [process.wait(10) for process in begun] == [*range(8)]


@pytest.mark.costly
def test_one_on_a_server_that_is_set_up_has_its_own_arguments_and_chance():
    code = (
        "import os, random, sys; from django.apps import apps; from django.db import connection\n"
        "print(apps.get_app_config('vision').is_connected, connection.connection,"
        " os.environ['ONLY'], sys.argv[1], random.random())"
    )
    how = {"env": os.environ | {"ONLY": "это"}, "stdout": subprocess.PIPE, "text": True}
    begun = [SetUpPython("-c", code, number, **how) for number in range(2)]
    said = [process.communicate()[0].split() for process in begun]

    assert [words[:4] for words in said] == [["True", "None", "это", str(n)] for n in range(2)]
    assert said[0][4] != said[1][4]


def test_settings_and_counts_are_not_those_of_the_server():
    done = run_python(
        "-c", "import sys; print('prometheus_client' in sys.modules, 'events' in sys.modules);"
        "from django.conf import settings; print(settings.configured)",
    )  # fmt: skip

    assert done.stdout == "False False\nFalse\n"
