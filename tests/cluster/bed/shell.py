"""Runs a command to its end and turns failure into a BedError that holds what the command said.

What never belongs here: daemons (see `daemon`).
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.bed.errors import BedError


def run(command: Sequence[str | Path], *, stdin: str = "", timeout: float = 120) -> str:
    """Standard output of `command`.  Raises BedError with the end of its standard error when it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, input=stdin, capture_output=True, text=True, check=False, timeout=timeout
        )
    except FileNotFoundError as missing:
        raise BedError(f"{words[0]} is not installed; remedy: .ci/setup cluster") from missing
    except subprocess.TimeoutExpired as late:
        raise BedError(f"{' '.join(words)}: no end after {timeout:g} s") from late
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise BedError(f"{' '.join(words)}: exit {done.returncode}: {said}")
    return done.stdout


def quietly(command: Sequence[str | Path], *, timeout: float = 60) -> bool:
    """Whether `command` worked; for taking down what may be gone already."""
    try:
        run(command, timeout=timeout)
    except BedError:
        return False
    return True
