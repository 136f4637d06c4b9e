"""How fast one pattern alone scans a text, for whoever writes patterns.  Only for patterns that were tried (trial.py)."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import hyperscan

from dlp_patterns.model import Pattern
from sidecar.core.hits import EngineError
from sidecar.match import compose
from sidecar.match.compiler import Expression, compile_here
from sidecar.match.hs import HyperscanStream, ready

_REPEATS = 3


class Speed(NamedTuple):
    """What was measured."""

    rate: float
    """MB/s."""
    hits: float
    """For each MB."""


def measure(pattern: Pattern, pieces: Sequence[bytes]) -> Speed:
    """The best of a few readings of a stream.  Raises EngineError."""
    expressions = [Expression(0, compose.value(pattern, rb"\z"))]
    try:
        serialised = compile_here(expressions, hyperscan.HS_MODE_STREAM, hyperscan.HS_FLAG_DOTALL)
        database = ready(serialised, hyperscan.HS_MODE_STREAM)
    except hyperscan.HyperscanError as error:
        raise EngineError(str(error)) from None
    best, hits = float("inf"), 0
    for _ in range(_REPEATS):
        begin = time.perf_counter()
        stream = HyperscanStream(database)
        hits = sum(len(stream.feed(piece)) for piece in pieces)
        stream.close()
        best = min(best, time.perf_counter() - begin)
    size = sum(map(len, pieces)) / 1e6
    return Speed(size / best, hits / size)
