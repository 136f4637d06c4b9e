"""Exact-data match on disk: the key, and files of hashes, a line each.

What belongs here: reading both, and saying which line of which file is wrong without quoting it.  What never does: values;
`cdefence exact hash` makes the file from them and keeps none.

A file of hashes begins with what it was made with, in comments (`# key: 1a2b3c4d`, `# normalise: alnum`); where they are
there, they must be right: with another key nothing would ever match, and nobody would notice.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from dlp_patterns.errors import PatternError, Problem
from dlp_patterns.exact import HASH_DIGITS, MIN_KEY, ExactSet, Normal, key_id, read
from dlp_patterns.model import Exact, Pattern

MOST = 10_000_000
"""Identifiers in one set; they would take 80 MB."""


def head(key: bytes, how: Normal) -> str:
    """What a file of hashes begins with."""
    return f"# key: {key_id(key)}\n# normalise: {how.value}\n"


def read_key(path: Path) -> bytes:
    """The key in a file: its bytes without the line end behind them.  Raises PatternError."""
    try:
        key = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise _wrong(
            path, "file", f"cannot be read ({error.strerror})", "check the path and its permissions"
        ) from None
    if len(key) < MIN_KEY:
        raise _wrong(path, "key", f"is shorter than {MIN_KEY} bytes", "make one with `cdefence exact key`")
    return key


def armed(patterns: Iterable[Pattern], environ: Mapping[str, str] = os.environ) -> tuple[Pattern, ...]:
    """The same patterns; those of the user's own identifiers know them now.  Raises PatternError with every problem."""
    found: list[Pattern] = []
    errors: list[PatternError] = []
    for pattern in patterns:
        try:
            found.append(pattern if pattern.exact is None else _armed(pattern, pattern.exact, environ))
        except PatternError as error:
            errors.append(error)
    if errors:
        raise PatternError.together(errors)
    return tuple(found)


def _armed(pattern: Pattern, exact: Exact, environ: Mapping[str, str]) -> Pattern:
    key = read_key(Path(exact.key_file)) if exact.key_file else _key(environ, exact.key_env, pattern.id)
    return replace(pattern, known=read_set(Path(exact.hashes), key, Normal(exact.normalise)))


def _key(environ: Mapping[str, str], name: str, where: str) -> bytes:
    """The key in a variable of the environment."""
    key = os.fsencode(environ.get(name, ""))
    if len(key) < MIN_KEY:
        what = f"{name} is shorter than {MIN_KEY} bytes" if key else f"{name} is not set"
        raise PatternError([Problem("exact.key_env", what, "make a key with `cdefence exact key`")], where)
    return key


def read_set(path: Path, key: bytes, how: Normal) -> ExactSet:
    """The identifiers whose hashes are in a file.  Raises PatternError."""
    hashes = array("Q")
    try:
        with path.open(encoding="ascii", errors="replace") as lines:
            for hashed in _hashes(path, lines, {"key": key_id(key), "normalise": how.value}):
                if len(hashes) == MOST:
                    raise _wrong(
                        path, "file", f"has more than {MOST} hashes", "split it over several patterns"
                    )
                hashes.append(hashed)
    except OSError as error:
        raise _wrong(
            path, "file", f"cannot be read ({error.strerror})", "check the path and its permissions"
        ) from None
    if not hashes:
        raise _wrong(path, "file", "has no hash", "fill it with `cdefence exact hash`")
    return ExactSet.of(key, hashes, how)


def _hashes(path: Path, lines: Iterator[str], made_with: dict[str, str]) -> Iterator[int]:
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        if text.startswith("#"):
            name, _, value = text[1:].strip().partition(": ")
            if name in made_with and value != made_with[name]:
                remedy = "hash the values again" if name == "key" else "write the same in the pattern file"
                raise _wrong(path, f"line {number}", f"says that it was made with another {name}", remedy)
            continue
        hashed = read(text)
        if hashed is None:
            remedy = f"write {HASH_DIGITS} to 64 hex digits: what `cdefence exact hash` makes"
            raise _wrong(path, f"line {number}", "is no keyed hash", remedy)
        yield hashed


def _wrong(path: Path, field: str, what: str, remedy: str) -> PatternError:
    return PatternError([Problem(field, what, remedy)], str(path))
