"""How good a pattern is for an engine that reads everything: its speed, how often it fires, how much waits for it.

What belongs here: measuring one pattern alone, on texts that are on every machine.
What never does: whether it can be used at all (`match.trial`).
"""

import email
import functools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dlp_patterns.model import Pattern
from sidecar.match.hs import HyperscanMatcher
from sidecar.match.speed import measure

SLOW: Final = 500
"""MB/s of one pattern alone, on either text, below which it is called slow: with others it gets no faster."""
OFTEN: Final = 300
"""Hits for a megabyte of ordinary text; each costs a call and a check."""
HELD: Final = 0.2
"""Of the ends of ordinary text, how many may look as if a value had begun: what could be one waits for what follows, so a
pattern that opens with `[A-Za-z0-9]` has every second word wait."""
_ENDS: Final = 500
_PIECE: Final = 64 * 1024
_SIZE: Final = 2_000_000


def remarks(pattern: Pattern) -> tuple[str, Sequence[str]]:
    """Figures in one line, and what is to be warned of.  Raises EngineError."""
    (natural, often), (digits, _) = measure(pattern, _natural()), measure(pattern, _digits())
    slow = min(natural, digits) < SLOW
    figures = f"{natural:,.0f} MB/s of text, {digits:,.0f} MB/s of digits, {often:,.0f} hits/MB"
    warnings = []
    if slow:
        warnings.append(
            "slow; begin it with a literal, or write the words of its context into it, before the value"
        )
    if often > OFTEN:
        warnings.append(f"fires {often:,.0f} times in a megabyte of ordinary text; be more selective")
    if (held := _held(pattern)) > HELD:
        warnings.append(
            f"holds back {held:.0%} of the ends of ordinary text where its values may not leave, for they could have begun"
            " there; open it with a literal of three bytes or more: a prefix, or the name of the field"
        )
    return f"{'slow' if slow else 'fast'}, {figures}", warnings


def _held(pattern: Pattern) -> float:
    """At how many of the ends that a text could have something waits for what follows.  Raises EngineError."""
    matcher = HyperscanMatcher([pattern])
    hold, text = matcher.hold(frozenset({0})), b"".join(_natural())
    ends = range(matcher.reach, len(text), len(text) // _ENDS)
    return sum(hold(text[end - matcher.reach : end]) > 0 for end in ends) / len(ends)


@functools.cache
def _natural() -> Sequence[bytes]:
    """Ordinary text that is on every machine: programs with their comments."""
    folders = (Path(module.__file__).parent for module in (re, json, email) if module.__file__)
    text = b"".join(path.read_bytes() for folder in folders for path in sorted(folder.glob("*.py")))
    return _pieces((text * (_SIZE // len(text) + 1))[:_SIZE])


@functools.cache
def _digits() -> Sequence[bytes]:
    """JSON full of numbers, always the same."""
    state, rows = 1, []
    for at in range(_SIZE // 60):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        rows.append(f'{{"id":{state},"at":17{state % 10**11:011},"n":{at},"v":{state % 10**6 / 7}}}')
    return _pieces(",\n".join(rows).encode()[:_SIZE])


def _pieces(text: bytes) -> Sequence[bytes]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
