"""How good is good enough: the bars that our own figures are held against.  Pure."""

from dataclasses import dataclass
from typing import Final

from benchmarks.results import Results

OURS: Final = "cdefence"


@dataclass(frozen=True, slots=True)
class Bar:
    """The median of our ratio to a peer must reach `least`."""

    question: str
    peer: str
    least: float

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.question}: at least {self.least:g} × {self.peer}"

    def seen(self, results: Results) -> float | None:
        """The figure; None if it was not measured."""
        ratio = results.ratio_spread(self.question, OURS, self.peer)
        return ratio.middle if ratio else None

    def passed(self, seen: float) -> bool:
        """Whether the bar is cleared."""
        return seen >= self.least


@dataclass(frozen=True, slots=True)
class MemoryBar:
    """Our idle resident memory must stay within `most` megabytes (10⁶ bytes)."""

    most: float

    @property
    def text(self) -> str:
        """In words."""
        return f"memory: idle at most {self.most:g} MB"

    def seen(self, results: Results) -> float | None:
        """The figure; None if it was not measured."""
        weight = results.weights.get(OURS)
        return weight.idle * 2**20 / 1e6 if weight else None

    def passed(self, seen: float) -> bool:
        """Whether the bar is cleared."""
        return seen <= self.most


BARS: Final[tuple[Bar | MemoryBar, ...]] = (
    Bar("small", "envoy-http", 0.8),
    Bar("medium", "envoy-http", 0.8),
    Bar("small", "mitmproxy", 20),
    Bar("medium", "mitmproxy", 20),
    MemoryBar(50),
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A bar and what came of it; `seen` is None where nothing was measured, which is no pass."""

    text: str
    seen: float | None
    passed: bool


def judge(results: Results) -> list[Judgement]:
    """All bars in order."""
    judged = []
    for bar in BARS:
        seen = bar.seen(results)
        judged.append(Judgement(bar.text, seen, seen is not None and bar.passed(seen)))
    return judged
