"""README is true: its commands are run as they stand there, top to bottom, and print what it shows.

`make` lines are checked to be targets; what they do is what CI and `tests/e2e` do.  What README shows of a cluster is run
in `tests/cluster/test_readme.py`.
"""

import os
import re
import subprocess

import pytest

from tests.kit.readme import README, ROOT, commands


@pytest.mark.lab
@pytest.mark.skipif(os.geteuid() != 0, reason="README's lab needs root")
def test_every_command_does_what_readme_shows() -> None:
    try:
        for command in commands():
            command.check()
    finally:
        subprocess.run([".venv/bin/cdefence", "lab", "down"], cwd=ROOT, check=True, capture_output=True)


def test_make_lines_are_targets() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    asked = re.findall(r"(?:^|`)make ([a-z-]+)", README.read_text("utf-8"), re.MULTILINE)
    assert asked
    assert [name for name in asked if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


def test_files_and_folders_that_readme_names_are_there() -> None:
    named = re.findall(r"`((?:[a-z_]+/)+[\w./-]*)`", README.read_text("utf-8"))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
