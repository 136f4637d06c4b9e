"""Runs the examples of patterns through the real engine: does each do what it says?"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from dlp_patterns.exact import trial
from dlp_patterns.model import Pattern
from sidecar.core.findings import Part, Place
from sidecar.core.inspector import Inspector
from sidecar.core.policy import Policy
from sidecar.core.reading import spans
from sidecar.match.hs import HyperscanMatcher
from sidecar.scan.engine import Engine, cache_folder


def complaints(patterns: Sequence[Pattern], cache: Path | None = None) -> Iterator[str]:
    """What does not hold, one line each; no value is shown.  Raises EngineError."""
    engine = Engine(
        HyperscanMatcher([trial(pattern) for pattern in patterns], cache or cache_folder()), Policy()
    )
    inspector = engine.inspector()
    for index, pattern in enumerate(patterns):
        for at, example in enumerate(pattern.match):
            found = _found(inspector, index, example.text)
            if found != [example.value]:
                yield f"{pattern.id}: match[{at}]: finds {len(found)} values, not the one that is meant"
        for at, counter in enumerate(pattern.no_match):
            if found := _found(inspector, index, counter.text):
                yield f"{pattern.id}: no_match[{at}]: finds {len(found)} values ({counter.why})"


def _found(inspector: Inspector, index: int, text: bytes) -> list[bytes]:
    found = spans(inspector, text, Place(Part.BODY), depth=0)
    return [text[span.start : span.end] for span in found if span.index == index]
