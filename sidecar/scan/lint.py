"""How good a pattern is for an engine that reads everything: its speed, how often it fires, and its examples.

What belongs here: measuring one pattern alone.  What never does: whether it can be used at all (`match.trial`).
"""

import email
import functools
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dlp_patterns.model import Pattern
from sidecar.match.hs import HyperscanMatcher
from sidecar.scan.examples import complaints

SLOW: Final = 500
"""MB/s of one pattern alone, on either text, below which it is called slow: with others it gets no faster."""
OFTEN: Final = 300
"""Hits for a megabyte of ordinary text; each costs a call and a check."""
_PIECE: Final = 64 * 1024
_SIZE: Final = 2_000_000


def remarks(pattern: Pattern) -> tuple[str, Sequence[str]]:
    """Figures in one line, and what is to be warned of.  Raises EngineError."""
    matcher = HyperscanMatcher([pattern])
    natural, hits = _measured(matcher, _natural())
    digits, _ = _measured(matcher, _digits())
    speed = "slow" if min(natural, digits) < SLOW else "fast"
    warnings = list(complaints([pattern]))
    if speed == "slow":
        warnings.append(
            "slow; begin it with a literal, or write the words of its context into it, before the value"
        )
    if hits > OFTEN:
        warnings.append(f"fires {hits:,.0f} times in a megabyte of ordinary text; be more selective")
    return f"{speed}, {natural:,.0f} MB/s of text, {digits:,.0f} MB/s of digits, {hits:,.0f} hits/MB", warnings


def _measured(matcher: HyperscanMatcher, text: bytes) -> tuple[float, float]:
    """MB/s (the better of three) and hits for a megabyte."""
    pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
    best, hits = float("inf"), 0
    for _ in range(3):
        begin = time.perf_counter()
        stream = matcher.open()
        hits = sum(sum(index == 0 for index, _ in stream.feed(piece)) for piece in pieces)
        stream.close()
        best = min(best, time.perf_counter() - begin)
    return len(text) / 1e6 / best, hits / len(text) * 1e6


@functools.cache
def _natural() -> bytes:
    """Ordinary text that is on every machine: programs with their comments."""
    folders = (Path(module.__file__).parent for module in (re, json, email))
    text = b"".join(path.read_bytes() for folder in folders for path in sorted(folder.glob("*.py")))
    return (text * (_SIZE // len(text) + 1))[:_SIZE]


@functools.cache
def _digits() -> bytes:
    """JSON full of numbers, always the same."""
    state, rows = 1, []
    for at in range(_SIZE // 60):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        rows.append(f'{{"id":{state},"at":17{state % 10**11:011},"n":{at},"v":{state % 10**6 / 7}}}')
    return ",\n".join(rows).encode()[:_SIZE]
