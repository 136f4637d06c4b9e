"""Compiles expressions in a process of its own.

Compiling needs several times the memory that scanning needs, and the allocator does not give it back: a proxy that
compiled by itself would stay twice as large for the rest of its life.  A child takes that memory with it, and a pattern
that makes the compiler crash or run for ever takes only the child down.

    python -m sidecar.match.compiler < request.json > database
"""

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

import hyperscan

from sidecar.core.hits import EngineError

TIME_LIMIT = 60
"""Seconds of processor time; the shipped packs take a tenth."""

PATIENCE = 900.0
"""Seconds by the clock, for a node that starts fifty pods at once or has nothing to spare for us."""

MEMORY_LIMIT = 4 << 30
"""Bytes of address space; the shipped packs take a tenth."""


class Expression(NamedTuple):
    """One expression of a database."""

    id: int
    regex: bytes
    least: int = 0
    """Matches that end before this offset are not reported."""


def compile_apart(expressions: Sequence[Expression], mode: int, flags: int) -> bytes:
    """The serialised database of `expressions`.  Raises EngineError."""
    plain = [(each.id, each.regex.decode("latin-1"), each.least) for each in expressions]
    request = {"mode": mode, "flags": flags, "expressions": plain}
    try:
        child = subprocess.run(
            [sys.executable, "-I", "-m", __name__],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"patterns could not be compiled: {type(error).__name__}") from None
    if child.returncode:
        lines = child.stderr.decode("utf-8", "replace").splitlines() or [f"exit code {child.returncode}"]
        raise EngineError(f"patterns do not compile: {lines[-1]}")
    return child.stdout


def compile_here(expressions: Sequence[Expression], mode: int, flags: int) -> bytes:
    """The same in this process.  Raises hyperscan.HyperscanError."""
    database = hyperscan.Database(mode=mode)
    database.compile(
        expressions=[each.regex for each in expressions],
        ids=[each.id for each in expressions],
        elements=len(expressions),
        flags=[flags] * len(expressions),
        ext=[(hyperscan.HS_EXT_FLAG_MIN_OFFSET, each.least, 0, 0, 0, 0) for each in expressions],
    )
    return hyperscan.dumpb(database)


def main() -> int:
    """The child: a request on standard input, the database on standard output."""
    request = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (TIME_LIMIT, TIME_LIMIT))
    expressions = [
        Expression(index, text.encode("latin-1"), least) for index, text, least in request["expressions"]
    ]
    try:
        database = compile_here(expressions, request["mode"], request["flags"])
    except hyperscan.HyperscanError as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(database)
    return 0


if __name__ == "__main__":
    sys.exit(main())
