"""Compiles expressions in a process of its own.

Compiling needs several times the memory that scanning needs, and the allocator does not give it back: a proxy that
compiled by itself would stay twice as large for the rest of its life.  A child takes that memory with it, and a pattern
that makes the compiler crash or run for ever takes only the child down.

    python -m sidecar.match.compiler < request.json > database
"""

import json
import subprocess
import sys

import hyperscan

from sidecar.core.hits import EngineError

TIME_LIMIT = 60.0
"""Seconds; the shipped packs take less than one."""


def compile_apart(expressions: list[tuple[int, bytes]], mode: int, flags: int) -> bytes:
    """The serialised database of `expressions` (id, regex).  Raises EngineError."""
    request = {
        "mode": mode,
        "flags": flags,
        "expressions": [(i, e.decode("latin-1")) for i, e in expressions],
    }
    try:
        child = subprocess.run(
            [sys.executable, "-I", "-m", __name__],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=TIME_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"patterns could not be compiled: {type(error).__name__}") from None
    if child.returncode:
        lines = child.stderr.decode("utf-8", "replace").splitlines() or [f"exit code {child.returncode}"]
        raise EngineError(f"patterns do not compile: {lines[-1]}")
    return child.stdout


def compile_here(expressions: list[tuple[int, bytes]], mode: int, flags: int) -> bytes:
    """The same in this process.  Raises hyperscan.HyperscanError."""
    database = hyperscan.Database(mode=mode)
    database.compile(
        expressions=[expression for _, expression in expressions],
        ids=[index for index, _ in expressions],
        elements=len(expressions),
        flags=[flags] * len(expressions),
    )
    return hyperscan.dumpb(database)


def main() -> int:
    """The child: a request on standard input, the database on standard output."""
    request = json.load(sys.stdin)
    expressions = [(index, text.encode("latin-1")) for index, text in request["expressions"]]
    try:
        database = compile_here(expressions, request["mode"], request["flags"])
    except hyperscan.HyperscanError as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(database)
    return 0


if __name__ == "__main__":
    sys.exit(main())
