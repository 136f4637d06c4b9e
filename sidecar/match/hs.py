"""The engine: Hyperscan (Vectorscan) behind `core.hits.Matcher`.

Texts that arrive in pieces are scanned in block mode, each piece with the end of what came before: no value is wider than
`MAX_WIDTH`, so nothing is missed, nothing native is kept for a connection, and block mode is the faster one (1.3 to 1.9
times on HTML and JSON, measured).  What a text's end decides is decided by a byte behind it that every boundary allows.

Patterns are scanned in *lanes*, one database each (lanes.py).

The binding has sharp edges; each is blunted here, once:
  * scratch space must not be shared by scans that overlap: one matcher belongs to one thread;
  * an exception in a callback is swallowed: `_collect` cannot raise;
  * a loaded database has no scratch space until one is made.
Any error of the engine is an `EngineError`, and that is a denial.
"""

import platform
from collections.abc import Iterable, Sequence
from itertools import batched
from pathlib import Path
from typing import Any, Final

import hyperscan

from dlp_patterns.model import Pattern
from sidecar.core.hits import NOBODY, EngineError, Hit, Hold
from sidecar.core.views.table import SIGNS
from sidecar.core.views.view import Sign
from sidecar.match import cache, compose, lanes, openings, window
from sidecar.match.compiler import Expression, compile_apart

_TOGETHER: Final = 32
"""Expressions read backwards that share a database: the default rules have half as many, and all of them in one would
compile for 20 s, which on a busy machine is more than the compiler is given."""


def _collect(index: int, _start: int, end: int, _flags: int, hits: Any) -> None:
    hits.append((index, end))


class HyperscanMatcher:
    """A pattern set, ready to scan.  Not thread-safe."""

    def __init__(
        self, patterns: Sequence[Pattern], cache_folder: Path | None = None, signs: Sequence[Sign] = SIGNS
    ) -> None:
        """Raises EngineError when a pattern does not compile."""
        self.patterns = tuple(patterns)
        self.reach = compose.reach(self.patterns)
        self._cache = cache_folder
        self._lanes = [
            (_database(expressions, cache_folder), frozenset(each.id for each in expressions))
            for expressions in lanes.lanes(self.patterns, signs)
        ]
        self._holds: dict[frozenset[int], Hold] = {}

    def once(self, text: bytes, without: frozenset[int] = NOBODY) -> Sequence[Hit]:
        """The hits in a complete text.  Raises EngineError."""
        hits = self._scan(text + compose.PAD, without)
        return _within(hits, len(text)) if hits else hits

    def more(self, seen: bytes, known: int, without: frozenset[int] = NOBODY) -> Sequence[Hit]:
        """The hits that end behind offset `known` of a text that may go on.  Raises EngineError."""
        hits = self._scan(seen, without)
        return [hit for hit in hits if hit[1] > known] if hits and known else hits

    def last(self, seen: bytes) -> Sequence[Hit]:
        """The further hits that the end of the text makes.  Raises EngineError."""
        end = len(seen)
        hits = self._scan(seen + compose.PAD)
        ended = {hit for hit in hits if hit[1] == end} if hits else ()
        return [(index, end) for index, at in hits if at > end and (index, end) not in ended]

    def _scan(self, text: bytes, without: frozenset[int] = NOBODY) -> Sequence[Hit]:
        hits: list[Hit] = []
        _look([lane for lane, ids in self._lanes if not ids <= without], text, hits)
        return hits

    def hold(self, patterns: frozenset[int]) -> Hold:
        """The tail rule for these patterns.  Raises EngineError when it does not compile."""
        if patterns not in self._holds:
            self._holds[patterns] = self._compile_hold(patterns)
        return self._holds[patterns]

    def _compile_hold(self, patterns: frozenset[int]) -> Hold:
        """Two rules: by the literals that values open with, and backwards for the values that open with anything."""
        by_literal = {index for index in patterns if openings.opens_with_literal(self.patterns[index])}
        rules = [self._hold_by_literal(by_literal)] if by_literal else []
        if (backwards := patterns - by_literal) or not rules:
            rules.append(self._hold_backwards(sorted(backwards)))
        if len(rules) == 1:
            return rules[0]
        first, second = rules
        return lambda tail: max(first(tail), second(tail))

    def _hold_by_literal(self, patterns: Iterable[int]) -> Hold:
        literals = openings.Openings(self.patterns, sorted(patterns))
        database = _database(literals.expressions(), self._cache)

        def hold(tail: bytes) -> int:
            found: list[Hit] = []
            _look((database,), tail, found)
            return literals.held(tail, found)

        return hold

    def _hold_backwards(self, patterns: Iterable[int]) -> Hold:
        every = self.patterns
        expressions = [
            Expression(index, compose.unfinished(every[index]), window.shortest(every[index]))
            for index in patterns
        ]
        parts = [*batched(expressions, _TOGETHER)] or [()]
        databases = [_database(part, self._cache) for part in parts]

        def hold(tail: bytes) -> int:
            candidates: list[Hit] = []
            text = window.mirrored(tail, compose.PAD)
            _look(databases, text, candidates)
            return window.held(candidates, every) if candidates else 0

        return hold


def _look(databases: Iterable[hyperscan.Database], text: bytes, hits: list[Hit]) -> None:
    """Enter what databases find in a text.  Raises EngineError."""
    try:
        for database in databases:
            database.scan(text, match_event_handler=_collect, context=hits)
    except hyperscan.HyperscanError as error:
        raise EngineError(str(error)) from None


def _within(hits: Sequence[Hit], end: int) -> Sequence[Hit]:
    """Hits that the byte behind the text made end where the text does; each is told once."""
    beyond = [hit for hit in hits if hit[1] > end]
    return list({(index, min(at, end)): None for index, at in hits}) if beyond else hits


def _database(expressions: Sequence[Expression], folder: Path | None) -> hyperscan.Database:
    """A database that is ready to scan, from the cache if it is there.  Raises EngineError."""
    mode, flags = hyperscan.HS_MODE_BLOCK, hyperscan.HS_FLAG_DOTALL
    engine = (hyperscan.__version__, platform.machine(), platform.system())  # type: ignore[attr-defined]
    key = repr((engine, mode, flags, expressions)).encode()

    def build() -> bytes:
        return compile_apart(expressions, mode, flags)

    try:
        return ready(cache.fetch(folder, key, build), mode)
    except hyperscan.HyperscanError:
        pass  # a shared folder, and the database of a processor that is not like ours
    try:
        return ready(build(), mode)
    except hyperscan.HyperscanError as error:
        raise EngineError(f"compiled patterns cannot be loaded: {error}") from None


def ready(serialised: bytes, mode: int) -> hyperscan.Database:
    """A database that can scan.  Raises hyperscan.HyperscanError."""
    database = hyperscan.loadb(serialised, mode)
    database.scratch = hyperscan.Scratch(database)
    return database
