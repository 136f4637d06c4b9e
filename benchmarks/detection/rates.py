"""False hits per megabyte: benign documents that we make, and natural text; by class and by pattern."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from benchmarks.detection.natural import Text
from benchmarks.detection.sample import Found, Group, Sample
from benchmarks.detection.subject import Subject

MEGABYTE: Final = 1_000_000
REAL: Final = frozenset(
    (
        "pii/email",
        "pii/phone",
        "pii/phone_e164",
        "pii/e164_phone",
        "secrets/private_key",
        "EMAIL_ADDRESS",
        "PHONE_NUMBER",
        "private key",
    )
)
"""What natural text is full of and what is found rightly: addresses of authors, keys in test data.  Counted by pattern only."""
SHOWN: Final = 400
"""Examples that are kept."""


@dataclass(slots=True)
class Rate:
    """Hits where nothing is to be found."""

    octets: Counter[str] = field(default_factory=Counter)
    """By kind of text."""
    classes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By (kind of text, class, confidence)."""
    patterns: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (pattern, confidence)."""
    examples: list[tuple[str, str, str]] = field(default_factory=list)
    """Pattern, confidence, where and masked."""

    @property
    def megabytes(self) -> float:
        """All text."""
        return sum(self.octets.values()) / MEGABYTE

    def per_megabyte(self, klass: str, certain: bool) -> float:
        """False hits at `likely` or above, or at `certain`."""
        count = sum(
            number
            for (_, name, confidence), number in self.classes.items()
            if name == klass and (confidence == "certain" or not certain)
        )
        return count / self.megabytes if self.megabytes else 0.0

    def add(self, kind: str, path: str, octets: int, findings: Iterable[Found]) -> None:
        """One text, and what was found in it."""
        self.octets[kind] += octets
        for one in findings:
            confidence = "certain" if one.certain else "likely"
            self.patterns[one.pattern, confidence] += 1
            if one.pattern not in REAL:
                self.classes[kind, one.klass, confidence] += 1
                if len(self.examples) < SHOWN or one.klass == "pan":
                    self.examples.append(
                        (one.pattern, confidence, f"{path}@{one.start} {one.view} {masked(one)}")
                    )


def masked(found: Found) -> str:
    """What may be shown of a find, whoever found it."""
    return found.shown if "*" in found.shown else f"{len(found.shown)} characters"


def natural(subject: Subject, texts: Iterable[Text]) -> Rate:
    """Over natural text."""
    rate = Rate()
    for text in texts:
        sample = Sample(text.path, Group.BENIGN, text.kind, text.data)
        rate.add(text.kind, text.path, len(text.data), subject.look(sample))
    return rate


def synthetic(subject: Subject, samples: Iterable[Sample]) -> Rate:
    """Over benign documents.  Telephone lists are lists of telephone numbers."""
    rate = Rate()
    for sample in samples:
        findings = [
            one for one in subject.look(sample) if not (sample.shape == "phone list" and one.klass == "pii")
        ]
        rate.add(sample.shape, sample.id, len(sample.data), findings)
    return rate
