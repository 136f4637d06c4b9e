"""How fast one pattern alone scans a text, for whoever writes patterns.  Only for patterns that were tried (trial.py)."""

import time
from collections.abc import Sequence
from typing import NamedTuple, cast

import hyperscan

from dlp_patterns.model import Pattern
from sidecar.core.hits import EngineError
from sidecar.match import compose
from sidecar.match.compiler import Expression, compile_here
from sidecar.match.hs import ready

_REPEATS = 3


class Speed(NamedTuple):
    """What was measured."""

    rate: float
    """MB/s."""
    hits: float
    """For each MB."""


def measure(pattern: Pattern, pieces: Sequence[bytes]) -> Speed:
    """The best of a few readings.  Raises EngineError."""
    expressions = [Expression(0, compose.value(pattern))]
    try:
        serialised = compile_here(expressions, hyperscan.HS_MODE_BLOCK, hyperscan.HS_FLAG_DOTALL)
        database = ready(serialised, hyperscan.HS_MODE_BLOCK)
    except hyperscan.HyperscanError as error:
        raise EngineError(str(error)) from None
    best, hits = float("inf"), list[int]()
    for _ in range(_REPEATS):
        hits = []
        begin = time.perf_counter()
        for piece in pieces:
            database.scan(piece, match_event_handler=_count, context=hits)
        best = min(best, time.perf_counter() - begin)
    size = sum(map(len, pieces)) / 1e6
    return Speed(size / best, len(hits) / size)


def _count(_index: int, _start: int, end: int, _flags: int, hits: object) -> None:
    cast("list[int]", hits).append(end)
