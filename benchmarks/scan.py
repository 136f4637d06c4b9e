"""How fast the whole default set looks at text, and what each pack and each pattern costs.  `python -m benchmarks scan`.

The whole: a stream through `core.inspection` as a flow has it (protect mode, default policy, hold-back), in reads of
256 KiB.  Packs and patterns: the engine alone.  One thread, processor time; natural text from what this machine has, and
the digit-rich JSON of `corpus`.  The bars are those of the project's own aims: 1 GB/s on natural text, 0.25 on digits.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import corpus, machine, records
from benchmarks.micro import subject
from benchmarks.report import table
from benchmarks.spread import Spread, spread
from dlp_patterns.load import builtin
from dlp_patterns.model import Pattern
from sidecar.core.decode.pieces import OpaqueReader
from sidecar.core.findings import Channel
from sidecar.core.hits import Matcher
from sidecar.core.inspection import Inspection
from sidecar.core.inspector import Inspector
from sidecar.match.hs import HyperscanMatcher

READ: Final = 256 * 1024
"""What the relay reads at once from a fast sender."""
SIZE: Final = 4_000_000
"""Most bytes of a corpus."""
ROUNDS: Final = 7
NATURAL_BAR, DIGITS_BAR = 1.0, 0.25
"""GB/s."""

# Where machines keep text that people and programs wrote, by kind: a pattern of file names below each root.
ROOTS: Final = ("/usr/share", "/usr/lib", "/opt", "/root", "/home", "/var/log")
KINDS: Final = {"HTML": "*.html", "JSON": "*.json", "logs": "*.log"}
DIGITS: Final = "digit-rich JSON"


@dataclass(frozen=True, slots=True)
class Rate:
    """One set of patterns on one text."""

    what: str
    text: str
    speed: Spread
    """GB/s."""
    hits: float
    """Each MB, of patterns and of signs; each costs a callback and a confirmation."""


def main(folder: Path | None, *, quick: bool) -> int:
    """Measure, print one table, write it down; 1 if a bar was missed."""
    texts = {name: text for name, text in corpora() if text}
    with TemporaryDirectory() as cache:
        rates = list(measure(texts, Path(cache), patterns=not quick))
    here, sizes = machine.look(), ", ".join(f"{name} {len(text) / 1e6:.1f}" for name, text in texts.items())
    print(f"{here.processor}, load {here.load_average}, commit {here.commit}; MB of text: {sizes}\n")
    print(table(("GB/s, median (hits/MB)", *texts), _rows(rates, list(texts)), {0}))
    missed = [rate for rate in rates if rate.what == WHOLE and rate.speed.middle < bar(rate.text)]
    for rate in missed:
        print(f"\nmissed: {rate.text} {rate.speed.middle:.2f} GB/s, bar {bar(rate.text)}")
    if folder is not None:
        text = json.dumps([asdict(rate) for rate in rates], indent=1) + "\n"
        print(f"\nwritten: {records.write(folder, 'scan', text, here.commit, datetime.now(UTC))}")
    return 1 if missed else 0


WHOLE: Final = "everything, as a flow has it"


def bar(text: str) -> float:
    """The least speed for a text, GB/s."""
    return DIGITS_BAR if text == DIGITS else NATURAL_BAR


def corpora() -> Iterator[tuple[str, bytes]]:
    """The texts by name."""
    for name, files in KINDS.items():
        yield name, b"".join(_some(files))
    yield DIGITS, corpus.document(SIZE)


def _some(files: str) -> Iterator[bytes]:
    """Natural text, up to `SIZE` bytes of it, at most a tenth from one file."""
    room = SIZE
    for root in ROOTS:
        for path in sorted(Path(root).rglob(files)) if Path(root).is_dir() else ():
            if not room:
                return
            try:
                text = path.read_bytes()[: min(room, SIZE // 10)] if path.is_file() else b""
            except OSError:
                continue
            room -= len(text)
            yield text


def measure(texts: dict[str, bytes], cache: Path, *, patterns: bool) -> Iterator[Rate]:
    """Everything, each pack, and each pattern if asked."""
    core = subject(cache)
    yield from _each(WHOLE, texts, lambda reads: _inspect(core.inspector(Channel.OPAQUE), reads))
    yield from _each("everything, engine", texts, lambda reads: _scan(core.matcher, reads))
    for name, chosen in _sets(patterns):
        matcher = HyperscanMatcher(chosen, cache, signs=())
        yield from _each(name, texts, lambda reads, matcher=matcher: _scan(matcher, reads))  # type: ignore[misc]


def _sets(patterns: bool) -> Iterator[tuple[str, Sequence[Pattern]]]:
    for pack in builtin():
        yield f"pack {pack.name}", pack.patterns
        for pattern in pack.patterns if patterns else ():
            yield pattern.id, (pattern,)


def _each(what: str, texts: dict[str, bytes], work: Callable[[list[bytes]], int]) -> Iterator[Rate]:
    for name, text in texts.items():
        reads = [text[at : at + READ] for at in range(0, len(text), READ)]
        hits = work(reads)
        speeds = spread(len(text) / _seconds(work, reads) / 1e9 for _ in range(ROUNDS))
        assert speeds is not None
        yield Rate(what, name, speeds, hits / len(text) * 1e6)


def _seconds(work: Callable[[list[bytes]], int], reads: list[bytes]) -> float:
    began = time.thread_time()
    work(reads)
    return time.thread_time() - began


def _inspect(inspector: Inspector, reads: list[bytes]) -> int:
    """Findings of a stream; one that is blocked goes on in a stream of its own."""
    found, inspection = 0, Inspection(inspector, OpaqueReader())
    for read in reads:
        step = inspection.feed(read)
        found += len(step.findings)
        if step.verdict is not None:
            inspection = Inspection(inspector, OpaqueReader())
    return found


def _scan(matcher: Matcher, reads: list[bytes]) -> int:
    found, tail = 0, b""
    for read in reads:
        found += len(matcher.more(tail + read, len(tail)))
        tail = read[-matcher.reach :]
    return found


def _rows(rates: Sequence[Rate], texts: Sequence[str]) -> list[Sequence[str]]:
    by = {(rate.what, rate.text): rate for rate in rates}
    return [
        (what, *(f"{by[what, text].speed.middle:.2f} ({by[what, text].hits:,.0f})" for text in texts))
        for what in dict.fromkeys(rate.what for rate in rates)
    ]
