"""The engine: Hyperscan (Vectorscan) behind `core.hits.Matcher`.

The binding has sharp edges; each is blunted here, once:
  * a callback, its context and the database are borrowed by the native stream: `_collect` is a module function and each
    stream object keeps its list and its database alive;
  * a stream must be entered exactly once and closed always, or native memory is freed twice or never;
  * scratch space must not be shared by scans that overlap: one matcher belongs to one thread;
  * an exception in a callback is swallowed: `_collect` cannot raise;
  * a loaded database has no scratch space until one is made.
Any error of the engine is an `EngineError`, and that is a denial.
"""

import importlib.metadata
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import hyperscan

from dlp_patterns.model import Pattern
from sidecar.core.hits import EngineError, Hit, Hold
from sidecar.core.views.table import SIGNS
from sidecar.core.views.view import Sign
from sidecar.match import cache, compose, window
from sidecar.match.compiler import Expression, compile_apart

_NO_HITS: Final[Sequence[Hit]] = ()


def _collect(index: int, _start: int, end: int, _flags: int, hits: object) -> None:
    cast("list[Hit]", hits).append((index, end))


class HyperscanMatcher:
    """A pattern set compiled twice, for complete texts and for streams.  Not thread-safe."""

    def __init__(
        self, patterns: Sequence[Pattern], cache_folder: Path | None = None, signs: Sequence[Sign] = SIGNS
    ) -> None:
        """Raises EngineError when a pattern does not compile."""
        self.patterns = tuple(patterns)
        self.reach = compose.reach(self.patterns)
        self._cache = cache_folder
        texts = [*(compose.value(p, rb"\z") for p in self.patterns), *map(compose.sign, signs)]
        expressions = [Expression(index, text) for index, text in enumerate(texts)]
        self._block = _database(expressions, hyperscan.HS_MODE_BLOCK, cache_folder)
        self._stream = _database(expressions, hyperscan.HS_MODE_STREAM, cache_folder)
        self._hits: list[Hit] = []
        self._holds: dict[frozenset[int], Hold] = {}

    def once(self, text: bytes) -> Sequence[Hit]:
        """The hits in a complete text.  Raises EngineError."""
        hits = self._hits
        try:
            self._block.scan(text, match_event_handler=_collect, context=hits)
        except hyperscan.HyperscanError as error:
            hits.clear()
            raise EngineError(str(error)) from None
        if not hits:
            return _NO_HITS
        self._hits = []
        return hits

    def open(self) -> "HyperscanStream":
        """A text that arrives in pieces.  Raises EngineError."""
        return HyperscanStream(self._stream)

    def hold(self, patterns: frozenset[int]) -> Hold:
        """The tail rule for these patterns.  Raises EngineError when it does not compile."""
        if patterns not in self._holds:
            self._holds[patterns] = self._compile_hold(patterns)
        return self._holds[patterns]

    def _compile_hold(self, patterns: frozenset[int]) -> Hold:
        every = self.patterns
        expressions = [
            Expression(index, compose.unfinished(every[index]), window.shortest(every[index]))
            for index in sorted(patterns)
        ]
        database = _database(expressions, hyperscan.HS_MODE_BLOCK, self._cache)

        def hold(tail: bytes) -> int:
            candidates: list[Hit] = []
            try:
                text = window.mirrored(tail, compose.PAD)
                database.scan(text, match_event_handler=_collect, context=candidates)
            except hyperscan.HyperscanError as error:
                raise EngineError(str(error)) from None
            return window.held(candidates, every) if candidates else 0

        return hold


class HyperscanStream:
    """One text in pieces; `close` frees the native state and must be called."""

    __slots__ = ("_database", "_hits", "_native")

    def __init__(self, database: hyperscan.Database) -> None:
        self._database = database
        self._hits: list[Hit] = []
        self._native: hyperscan.Stream | None = None
        try:
            native = database.stream(match_event_handler=_collect, context=self._hits)
            native.__enter__()
        except hyperscan.HyperscanError as error:
            raise EngineError(str(error)) from None
        self._native = native

    def feed(self, piece: bytes) -> Sequence[Hit]:
        """The hits that end in `piece`.  Raises EngineError."""
        native = self._native
        if native is None:
            raise EngineError("stream is closed")
        try:
            native.scan(piece)
        except hyperscan.HyperscanError as error:
            raise EngineError(str(error)) from None
        return self._taken() if self._hits else _NO_HITS

    def close(self) -> Sequence[Hit]:
        """The hits that needed the end of the text.  Raises EngineError."""
        native, self._native = self._native, None
        if native is None:
            return _NO_HITS
        try:
            native.__exit__(None, None, None)
        except hyperscan.HyperscanError as error:
            raise EngineError(str(error)) from None
        return self._taken() if self._hits else _NO_HITS

    def __del__(self) -> None:
        if self._native is not None:
            self.close()

    def _taken(self) -> list[Hit]:
        taken = self._hits[:]
        self._hits.clear()  # the native stream keeps pointing at this list
        return taken


def _database(expressions: Sequence[Expression], mode: int, folder: Path | None) -> hyperscan.Database:
    """A database that is ready to scan, from the cache if it is there.  Raises EngineError."""
    flags = hyperscan.HS_FLAG_DOTALL
    engine = (importlib.metadata.version("hyperscan"), platform.machine(), platform.system())
    key = repr((engine, mode, flags, expressions)).encode()

    def build() -> bytes:
        return compile_apart(expressions, mode, flags)

    try:
        return _ready(cache.fetch(folder, key, build), mode)
    except hyperscan.HyperscanError:
        pass  # a shared folder, and the database of a processor that is not like ours
    try:
        return _ready(build(), mode)
    except hyperscan.HyperscanError as error:
        raise EngineError(f"compiled patterns cannot be loaded: {error}") from None


def _ready(serialised: bytes, mode: int) -> hyperscan.Database:
    """A database that can scan.  Raises hyperscan.HyperscanError."""
    database = hyperscan.loadb(serialised, mode)
    database.scratch = hyperscan.Scratch(database)
    return database
