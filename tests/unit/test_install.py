"""What `make` installs, and when."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path):
    """The Makefile with what it calls, and an environment whose pip only notes what it is asked for."""
    shutil.copy(HERE / "Makefile", tmp_path)
    shutil.copytree(HERE / "install", tmp_path / "install")
    (tmp_path / "requirements").mkdir()
    for name in ("base", "dev"):
        (tmp_path / "requirements" / f"{name}.txt").write_text("one==1\n")
    pip = tmp_path / ".venv" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.write_text('#!/bin/sh\nfor last; do :; done\necho "$last" >> asked\n')
    pip.chmod(0o755)
    return tmp_path


def make(project, name):
    """Returns what pip was asked to install."""
    (project / "asked").unlink(missing_ok=True)
    subprocess.run(
        ["make", f".venv/{name}", f"PYTHON={sys.executable}"], cwd=project, check=True,
        capture_output=True,
    )  # fmt: skip
    asked = project / "asked"
    return asked.read_text().split() if asked.exists() else []


def test_requirements_are_installed_once(project):
    assert make(project, "base") == ["requirements/base.txt"]
    assert make(project, "base") == []


def test_what_is_needed_for_development_holds_the_rest(project):
    assert make(project, "dev") == ["requirements/dev.txt"]
    assert make(project, "base") == []


def test_those_of_another_release_are_installed_however_old_its_files_are(project):
    """As by unpacking an archive that was made before the environment was: nothing was installed."""
    make(project, "base")
    file = project / "requirements" / "base.txt"
    file.write_text("one==2\n")
    os.utime(file, (0, 0))

    assert make(project, "base") == ["requirements/base.txt"]


def test_what_was_broken_off_is_installed_again(project):
    pip = project / ".venv" / "bin" / "pip"
    whole = pip.read_text()
    pip.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(subprocess.CalledProcessError):
        make(project, "base")
    pip.write_text(whole)

    assert make(project, "base") == ["requirements/base.txt"]


@pytest.mark.skipif(os.geteuid() != 0, reason="others are told what to install")
def test_a_package_manager_that_is_busy_is_waited_for(tmp_path):
    """A fresh machine in a cloud updates itself in its first minutes."""
    asked, made = tmp_path / "asked", tmp_path / "made-up"
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@" > {asked}\necho > {made}\nchmod +x {made}\n')
    apt.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"

    subprocess.run(
        [HERE / "install" / "packages", "made-up", "a-package"], check=True, capture_output=True,
        env=os.environ | {"PATH": path},
    )  # fmt: skip

    assert "-o DPkg::Lock::Timeout=300 a-package" in asked.read_text()
