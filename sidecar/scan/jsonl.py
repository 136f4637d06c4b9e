"""A line of JSON in, a line of JSON out, at once: how other programs ask.

What belongs here: reading the lines, answering each of them, saying which line is wrong and how.  What never does: the
answers (texts.py, streams.py, explain.py).
"""

import base64
import binascii
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

Line = dict[str, Any]
_ENCODED = json.JSONEncoder(separators=(",", ":")).encode


class LineError(Exception):
    """A line that cannot be answered; the text names the field and never quotes a value."""


def answer(
    lines: Iterable[bytes],
    one: Callable[[Line], Line],
    out: BinaryIO | None = None,
) -> Iterator[Line | None]:
    """Write what `one` says about each line; yields the answers, None for a line that has none."""
    sink = sys.stdout.buffer if out is None else out
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        line: Line = {}
        answered: Line | None
        try:
            line = parse(text)
            answered = {"id": line["id"], **one(line)}
        except LineError as error:
            answered = None
            told = f"line {number}: {error}"
            print(f"cdefence: {told}", file=sys.stderr, flush=True)
            sink.write(encoded({"id": line.get("id"), "error": told}))
        else:
            sink.write(encoded(answered))
        sink.flush()
        yield answered


def parse(text: bytes) -> Line:
    """The object in a line, which has an id.  Raises LineError."""
    try:
        line = json.loads(text)
    except UnicodeDecodeError:
        raise LineError("is no UTF-8") from None
    except (ValueError, RecursionError) as error:
        place = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        raise LineError(f"is no JSON{place}") from None
    if not isinstance(line, dict):
        raise LineError("is no JSON object")
    if "id" not in line:
        raise LineError("field id is missing")
    return line


def encoded(answered: Line) -> bytes:
    """An answer as a line."""
    return _ENCODED(answered).encode() + b"\n"


def decoded(value: object, field: str) -> bytes:
    """The bytes of a base64 field.  Raises LineError."""
    if not isinstance(value, str):
        raise LineError(f"field {field} is no string of base64")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise LineError(f"field {field} is no base64") from None


def word(line: Line, field: str, words: tuple[str, ...]) -> str:
    """A field that is one of `words`, the first of which is the default.  Raises LineError."""
    value = line.get(field, words[0])
    if value not in words:
        raise LineError(f"field {field} is none of {', '.join(words)}")
    return str(value)


@contextmanager
def opened(name: str) -> Iterator[Iterable[bytes]]:
    """The lines of a file, or of standard input for `-`.  Raises OSError."""
    if name == "-":
        yield sys.stdin.buffer
        return
    with open(name, "rb") as file:  # noqa: PTH123 - a name as the shell gave it
        yield file
