"""Labels and findings to counts: found, missed, false.  Pure arithmetic.

    recall      labels that a finding of their class covers, of all labels
    precision   findings that cover a label of their class, of all findings in samples (benign documents are apart)
    false       findings that cover no label; in another class than the label they cover they are false too

A finding covers a label where they overlap.  A label that does not stand in the bytes as it is (an encoding) is covered by a
finding of its class that shows the same last characters, four or as many as it shows; where it shows none, as of secrets and
dates, the class is enough.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.detection.cards import SEPARATORS
from benchmarks.detection.sample import Found, Group, Label, Sample

CLASSES: Final[Mapping[str, frozenset[str]]] = {
    "pan": frozenset(
        ("pan", "test_pan", "sad")
    ),  # a track is told as a track, and the number in it may be told too
    "sad": frozenset(("sad", "pan", "test_pan")),
    "pii": frozenset(("pii",)),
    "secret": frozenset(("secret",)),
}
"""What a value of a class may be told as."""
ALSO: Final = frozenset((("expiry", "pii"),))
"""Kinds that may be told as another class than that of what they belong to."""
APART: Final = frozenset(("expiry", "cvv", "us_ssn", "iban"))
"""Kinds that are counted beside their class, not in it."""
JUDGED: Final = frozenset((Group.POSITIVE, Group.NEAR, Group.ENCODED, Group.CONTROL))
"""What precision is over: how many benign documents one adds would decide it otherwise."""
RARE: Final = "rare length, no name"
"""Detail of a card that has a length which most numbers of its shape do not share with cards, and no word near it."""
UNSCANNABLE: Final = "unscannable"
_TAIL: Final = 4


@dataclass(slots=True)
class Count:
    """Of one class, kind, template, encoding …"""

    labels: int = 0
    likely: int = 0
    """Found at all."""
    certain: int = 0

    @property
    def recall(self) -> float | None:
        """At `likely`; None where there is nothing to find."""
        return self.likely / self.labels if self.labels else None

    @property
    def recall_certain(self) -> float | None:
        """At `certain`."""
        return self.certain / self.labels if self.labels else None

    def add(self, found: bool, certain: bool) -> None:
        """One label."""
        self.labels += 1
        self.likely += found
        self.certain += certain


@dataclass(slots=True)
class False_:  # noqa: N801 - the word is taken
    """False hits of one class."""

    likely: int = 0
    """At all: the certain ones are among them."""
    certain: int = 0

    def add(self, certain: bool) -> None:
        """One hit."""
        self.likely += 1
        self.certain += certain


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one sample."""

    sample: Sample
    covered: tuple[Found | None, ...]
    """For each label the best finding that covers it."""
    wrong: tuple[Found, ...]


@dataclass(slots=True)
class Board:
    """The counts of one subject over one part of the set."""

    recall: dict[tuple[str, str], Count] = field(default_factory=dict)
    """By (dimension, value): ("class", "pan"), ("brand", "visa"), ("template", "json"), ("encoding", "gzip") …"""
    wrong: dict[tuple[str, str], False_] = field(default_factory=dict)
    """By (group, class)."""
    shapes: dict[tuple[str, str], False_] = field(default_factory=dict)
    """The same by (group: template, near miss or encoding; class)."""
    right: Counter[str] = field(default_factory=Counter)
    """Findings that cover a label, by class of the label."""
    samples: Counter[str] = field(default_factory=Counter)
    octets: Counter[str] = field(default_factory=Counter)

    def count(self, dimension: str, value: str) -> Count:
        """The counter of one value of one dimension."""
        return self.recall.setdefault((dimension, value), Count())

    def precision(self, klass: str) -> float | None:
        """Over positives, near misses, encodings and controls."""
        wrong = sum(
            one.likely for (group, name), one in self.wrong.items() if name == klass and group in JUDGED
        )
        right = self.right[klass]
        return right / (right + wrong) if right + wrong else None


def judge(sample: Sample, findings: Iterable[Found]) -> Outcome:
    """Which labels are covered, which findings cover none."""
    told = [one for one in findings if one.klass != UNSCANNABLE]
    covered = tuple(_best(label, told, sample) for label in sample.labels)
    if sample.group is Group.CONTROL:
        return Outcome(sample, covered, tuple(one for one in told if one.klass in CLASSES["pan"]))
    if (
        sample.group is Group.ENCODED
    ):  # what carries the value may be one of another class: a token with a card in it
        told = [one for one in told if any(one.klass in CLASSES[label.klass] for label in sample.labels)]
    wrong = tuple(one for one in told if not any(_covers(one, label) for label in sample.labels))
    return Outcome(sample, covered, wrong)


def _best(label: Label, findings: Sequence[Found], sample: Sample) -> Found | None:
    if sample.group is Group.CONTROL:
        return None
    right = [one for one in findings if _covers(one, label)]
    return max(right, key=lambda one: one.certain) if right else None


def _covers(found: Found, label: Label) -> bool:
    if found.klass not in CLASSES[label.klass] and (label.kind, found.klass) not in ALSO:
        return False
    if label.stands and found.view == "plain":
        return found.start < label.end and label.start < found.end
    if label.klass in ("secret", "sad"):
        return True
    return _tail(label.value).endswith(_tail(found.shown))


def _tail(text: str) -> str:
    """The last characters, without separators and sentinels."""
    return "".join(char for char in text if char.isalnum())[-_TAIL:]


def enter(board: Board, outcome: Outcome) -> None:
    """One sample more."""
    sample = outcome.sample
    board.samples[sample.group] += 1
    board.octets[sample.group] += len(sample.data)
    for one in outcome.wrong:
        board.wrong.setdefault((sample.group, _plain(one.klass)), False_()).add(one.certain)
        board.wrong.setdefault((f"{sample.group}: {sample.shape}", _plain(one.klass)), False_()).add(
            one.certain
        )
    if sample.group is Group.CONTROL:
        return
    for label, found in zip(sample.labels, outcome.covered, strict=True):
        board.right[label.klass] += found is not None
        for dimension, value in dimensions(sample, label):
            board.count(dimension, value).add(found is not None, found is not None and found.certain)


def _plain(klass: str) -> str:
    return "pan" if klass == "test_pan" else klass


def dimensions(sample: Sample, label: Label) -> Iterable[tuple[str, str]]:
    """Everything that a label is counted under."""
    if sample.group is Group.ENCODED:
        yield "encoding", sample.shape
        yield f"tier, {label.klass}", sample.detail
        yield "tier", sample.detail
        return
    name = label.kind if label.kind in APART else label.klass
    promised = sample.detail != RARE
    yield "class", name if promised else f"{name}, rare length without a name"
    yield f"kind, {name}", label.kind
    yield f"template, {name}", sample.shape
    if name == "pan" and promised and sample.detail in SEPARATORS:
        yield "separator", sample.detail
        yield "length", str(sum(char.isdigit() for char in label.value))
