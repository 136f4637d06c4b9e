"""Tries the patterns of a user one by one, each within limits of time and memory, before they join the others.

What belongs here: finding out which one it is that does not compile, takes for ever or all memory.  What never does: the
database that is used in the end (compiler.py).

    python -m sidecar.match.trial < request.json       one line for each pattern that compiles, as soon as it has
"""

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

import hyperscan

from dlp_patterns.model import Pattern
from sidecar.core.hits import EngineError
from sidecar.match import compose, window
from sidecar.match.compiler import PATIENCE, Expression, compile_here

SECONDS = 10
"""Of processor time, for one pattern; the slowest that ships takes less than one."""
BYTES = 1 << 30
"""Address space of the process that tries."""


def problems(patterns: Sequence[Pattern], seconds: int = SECONDS, size: int = BYTES) -> Mapping[str, str]:
    """What is wrong with those of `patterns` that cannot be used, by id.  Raises EngineError if it cannot be found out."""
    wrong: dict[str, str] = {}
    left = list(patterns)
    while left:
        done, what = _try(left, seconds, size)
        left = left[done:]
        if what and left:
            wrong[left.pop(0).id] = what
        elif what:
            raise EngineError(f"patterns could not be tried: {what}")
    return wrong


def _try(patterns: Sequence[Pattern], seconds: int, size: int) -> tuple[int, str]:
    """How many of `patterns` compile, from the first, and what is wrong with the next; empty for nothing."""
    request = {
        "seconds": seconds,
        "size": size,
        "expressions": [[text.decode("latin-1") for text in _texts(pattern)] for pattern in patterns],
        "least": [window.shortest(pattern) for pattern in patterns],
    }
    try:
        child = subprocess.run(
            [sys.executable, "-I", "-m", __name__],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=PATIENCE + seconds * len(patterns),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"patterns could not be tried: {type(error).__name__}") from None
    done = child.stdout.count(b"\n")
    if not child.returncode:
        return done, ""
    if child.returncode == -signal.SIGPROF:
        return done, f"takes more than {seconds} seconds to compile"
    lines = child.stderr.decode("utf-8", "replace").splitlines()
    if child.returncode < 0 or not lines or "emory" in lines[-1]:
        return done, f"needs more than {size >> 20} MB to compile"
    return done, f"does not compile ({lines[-1]})"


def _texts(pattern: Pattern) -> tuple[bytes, bytes]:
    """The two expressions that engines make of a pattern."""
    return compose.value(pattern), compose.unfinished(pattern)


def main() -> int:
    """The child."""
    request = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (request["size"], request["size"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for (value, unfinished), least in zip(request["expressions"], request["least"], strict=True):
        # Nobody handles its signal: it ends this process, whatever that is doing.
        signal.setitimer(signal.ITIMER_PROF, request["seconds"])
        try:
            _compile(value, 0)
            _compile(unfinished, least)
        except (hyperscan.HyperscanError, MemoryError) as error:
            print(error or "out of memory", file=sys.stderr)
            return 1
        print("good", flush=True)
    return 0


def _compile(text: str, least: int) -> None:
    expression = Expression(0, text.encode("latin-1"), least)
    compile_here([expression], hyperscan.HS_MODE_BLOCK, hyperscan.HS_FLAG_DOTALL)


if __name__ == "__main__":
    sys.exit(main())
