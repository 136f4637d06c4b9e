"""One run: every subject over every part of the set, and over natural text."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.detection import assembly, natural, people, rates, score
from benchmarks.detection.peers import Expressions, Presidio
from benchmarks.detection.rates import Rate
from benchmarks.detection.sample import Sample
from benchmarks.detection.score import Board, Outcome
from benchmarks.detection.subject import Ours, Subject

SYNTHETIC: Final = 24_000_000
"""Bytes of benign documents; the peers get a twelfth of them."""
SLOW_SHARE: Final = 0.06
"""Of the natural text that the peers get: they read a quarter of a megabyte to thirty a second."""


@dataclass(slots=True)
class Result:
    """Of one subject."""

    name: str
    development: Board = field(default_factory=Board)
    held_out: Board = field(default_factory=Board)
    synthetic: Rate = field(default_factory=Rate)
    natural: Rate = field(default_factory=Rate)
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the development set, where something was missed or wrong."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much."""

    peers: bool = True
    natural: float = 1.0
    """Share of the natural text."""
    synthetic: int = SYNTHETIC
    stride: int = 1
    """Presidio, which takes ten milliseconds a sample, gets every so-manieth."""
    only: str = ""
    """Samples whose id or shape contains this."""


def run(plan: Plan) -> list[Result]:
    """Everything."""
    development, held_out = (
        list(_chosen(chain(assembly.samples(part), people.samples(part)), plan.only))
        for part in (assembly.DEVELOPMENT, assembly.HELD_OUT)
    )
    with TemporaryDirectory() as folder:
        return [
            _asked(subject, development, held_out, plan, slow)
            for subject, slow in _subjects(plan, Path(folder))
        ]


def _chosen(samples: Iterable[Sample], only: str) -> Iterable[Sample]:
    return (one for one in samples if only in one.id or only in one.shape)


def _subjects(plan: Plan, folder: Path) -> Iterable[tuple[Subject, bool]]:
    yield Ours(folder), False
    if plan.peers:
        yield Expressions(), True
        yield Presidio(), True


def _asked(
    subject: Subject, development: Sequence[Sample], held_out: Sequence[Sample], plan: Plan, slow: bool
) -> Result:
    result = Result(subject.name)
    stride = plan.stride if isinstance(subject, Presidio) else 1
    result.development = _scored(subject, development[::stride], result.outcomes.append)
    result.held_out = _scored(subject, held_out[::stride], None)
    seed, share = assembly.HELD_OUT_SEED, plan.natural * (SLOW_SHARE if slow else 1.0)
    result.synthetic = rates.synthetic(
        subject, assembly.documents(seed, plan.synthetic // (12 if slow else 1))
    )
    if share:
        result.natural = rates.natural(_cheap(subject), natural.texts(share))
    print(f"{subject.name}: done", file=sys.stderr)
    return result


def _cheap(subject: Subject) -> Subject:
    """Presidio's whole set reads a quarter of a megabyte a second: on natural text its best three recognisers stand for it."""
    return Presidio(("CREDIT_CARD", "US_SSN", "IBAN_CODE")) if isinstance(subject, Presidio) else subject


def _scored(subject: Subject, samples: Iterable[Sample], keep: Callable[[Outcome], None] | None) -> Board:
    board = Board()
    for sample in samples:
        outcome = score.judge(sample, subject.look(sample))
        score.enter(board, outcome)
        if keep is not None and (outcome.wrong or None in outcome.covered):
            keep(outcome)
    return board
