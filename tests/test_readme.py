"""README is true: its commands are run as they stand there, top to bottom, and print what it shows.

In a `console` block a line that begins with `$ ` is a command; `# exit 56 or 7` behind it are the exit codes it may have
(else 0).  The lines below are its output, where `…` stands for anything.  `make` lines are checked to be targets; what
they do is what CI and `tests/e2e` do.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of README and what it promises."""

    line: str
    codes: frozenset[int]
    shown: str

    def prints(self, output: str) -> bool:
        """Whether `output` is what README shows."""
        parts = (re.escape(part) for part in self.shown.split("…"))
        return re.fullmatch(".*".join(parts), output.strip(), re.DOTALL) is not None


def blocks() -> list[str]:
    return re.findall(r"^```console\n(.*?)^```", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def commands() -> Iterator[Command]:
    for block in blocks():
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            line, _, remark = line.partition("  #")
            codes = re.findall(r"\d+", remark.split(":")[0]) if "exit" in remark else ["0"]
            yield Command(line.strip(), frozenset(map(int, codes)), shown.strip())


@pytest.mark.lab
@pytest.mark.skipif(os.geteuid() != 0, reason="README's lab needs root")
def test_every_command_does_what_readme_shows() -> None:
    try:
        for command in commands():
            done = subprocess.run(
                ["bash", "-c", command.line],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            told = f"$ {command.line}\n{done.stdout}{done.stderr}[exit {done.returncode}]"
            assert done.returncode in command.codes, told
            assert command.prints(done.stdout), told
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
