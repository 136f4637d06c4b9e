"""What a run has found out, as data; `report` and `bars` read it.  Pure."""

from dataclasses import dataclass, field

from benchmarks.questions.memory import Weight
from benchmarks.questions.model import Question
from benchmarks.spread import Spread, ratios, spread


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: the answer, latency percentiles in µs, the proxy's processor time per request or MB in µs."""

    value: float
    p50: float
    p99: float
    cpu: float | None
    """None where there is no proxy."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A measurement that is none, and why."""

    question: str
    peer: str
    round: int
    why: str


@dataclass(slots=True)
class Answers:
    """All rounds of one question for one peer; None for a round that failed."""

    question: Question
    peer: str
    rounds: list[Sample | None] = field(default_factory=list)

    @property
    def values(self) -> list[float | None]:
        """The answers alone."""
        return [sample.value if sample is not None else None for sample in self.rounds]

    def of(self, figure: str) -> Spread | None:
        """The spread of `value`, `p50`, `p99` or `cpu`."""
        return spread(getattr(sample, figure) for sample in self.rounds if sample is not None)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a peer took part, and if not why."""

    peer: str
    title: str
    does: str
    version: str = ""
    absent: str = ""


@dataclass(slots=True)
class Results:
    """A whole run."""

    rounds: int
    seconds: float
    standings: list[Standing] = field(default_factory=list)
    answers: list[Answers] = field(default_factory=list)
    weights: dict[str, Weight] = field(default_factory=dict)
    failures: list[Incident] = field(default_factory=list)
    repeats: list[Incident] = field(default_factory=list)
    """Measured anew, because a process had ended."""

    def answers_of(self, question: str, peer: str) -> Answers | None:
        """What `peer` answered to `question`, if it was asked."""
        return next((one for one in self.answers if (one.question.name, one.peer) == (question, peer)), None)

    def ratio(self, question: str, ours: str, theirs: str) -> list[float | None]:
        """Ours ÷ theirs, round by round; empty if one of them was not asked."""
        mine, other = self.answers_of(question, ours), self.answers_of(question, theirs)
        return ratios(mine.values, other.values) if mine and other else []

    def ratio_spread(self, question: str, ours: str, theirs: str) -> Spread | None:
        """The spread of `ratio`."""
        return spread(self.ratio(question, ours, theirs))
