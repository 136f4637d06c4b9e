"""Ways in which TCP can cut a stream, and what comes out when it does."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import strategies as st

from sidecar.core.findings import Finding
from sidecar.core.inspection import Step, Verdict


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """`data` cut at these offsets."""
    inside = {cut for cut in cuts if 0 < cut < len(data)}
    return [data[low:high] for low, high in pairwise([0, *sorted(inside), len(data)]) if low < high]


def bytewise(data: bytes) -> list[bytes]:
    """`data`, one byte at a time."""
    return [data[at : at + 1] for at in range(len(data))]


def cuttings(data: bytes, most: int = 8) -> st.SearchStrategy[list[bytes]]:
    """`data` cut in up to `most` places, at even distances, or everywhere."""
    anywhere = st.lists(st.integers(1, max(1, len(data) - 1)), max_size=most)
    even = st.integers(1, 64).map(lambda size: list(range(size, len(data), size)))
    return st.one_of(anywhere, even, st.just(list(range(len(data))))).map(lambda cuts: pieces(data, cuts))


@dataclass(slots=True)
class Outcome:
    """What a stream led to, in all."""

    steps: list[Step] = field(default_factory=list)
    released: bytes = b""
    findings: tuple[Finding, ...] = ()
    verdict: Verdict | None = None

    @property
    def answer(self) -> tuple[tuple[Finding, ...], object]:
        """What must not depend on the cutting."""
        verdict = self.verdict
        return self.findings, None if verdict is None else (verdict.reason, verdict.finding, verdict.enforced)

    def take(self, step: Step) -> bool:
        """Add a step; whether it ends the connection."""
        self.steps.append(step)
        self.released += step.release
        self.findings += step.findings
        self.verdict = self.verdict or step.verdict
        return step.verdict is not None and step.verdict.enforced


def outcome(feed: Callable[[bytes], Step], stream: Sequence[bytes], close: Callable[[], Step]) -> Outcome:
    """Everything that comes of a stream in pieces that then ends."""
    total = Outcome()
    for step in _steps(feed, stream, close):
        if total.take(step):
            break
    return total


def _steps(
    feed: Callable[[bytes], Step], stream: Sequence[bytes], close: Callable[[], Step]
) -> Iterator[Step]:
    for piece in stream:
        yield feed(piece)
    yield close()
