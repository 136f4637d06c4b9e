"""Results as tables and as JSON, and the list of what was missed and what fired falsely.  No number of a card is shown in full."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from benchmarks import machine
from benchmarks.detection.rates import Rate
from benchmarks.detection.run import Result
from benchmarks.detection.sample import Label, Sample
from benchmarks.detection.score import Board, Count, Outcome
from benchmarks.report import table

_CLASSES: Final = ("pan", "us_ssn", "iban", "pii", "secret", "sad", "cvv", "expiry")
_RATED: Final = ("pan", "sad", "pii", "secret")
_AROUND: Final = 48
_EACH: Final = 4
"""Examples of one kind of miss."""


def render(results: Sequence[Result]) -> str:
    """Everything for a terminal."""
    parts = ["Recall at likely / at certain", _recall(results), "Encodings, recall by tier", _tiers(results)]
    parts += [
        "False hits in near misses and broken controls",
        _wrong(results),
        "False hits per MB, at likely / at certain",
        _rates(results),
    ]
    return "\n\n".join(parts)


def _recall(results: Sequence[Result]) -> str:
    rows = []
    for name in _CLASSES:
        row = [name, str(_of(results[0].development, "class", name).labels)]
        for result in results:
            row += [_both(_of(board, "class", name)) for board in (result.development, result.held_out)]
        rows.append(row)
    return table(
        (
            "class",
            "labels",
            *(f"{result.name}, {part}" for result in results for part in ("dev", "held out")),
        ),
        rows,
        {0},
    )


def _tiers(results: Sequence[Result]) -> str:
    rows = []
    for tier in ("must", "should"):
        for klass in ("pan", "pii", "secret"):
            row = [tier, klass]
            for result in results:
                row += [
                    _both(_of(board, f"tier, {klass}", tier))
                    for board in (result.development, result.held_out)
                ]
            rows.append(row)
    return table(
        ("tier", "class", *(f"{result.name}, {part}" for result in results for part in ("dev", "held out"))),
        rows,
        {0, 1},
    )


def _wrong(results: Sequence[Result]) -> str:
    rows = []
    for group in ("near", "control", "positive", "encoded"):
        row = [group, str(results[0].development.samples[group])]
        for result in results:
            for board in (result.development, result.held_out):
                counts = [one for (name, _), one in board.wrong.items() if name == group]
                row.append(f"{sum(one.likely for one in counts)} / {sum(one.certain for one in counts)}")
        rows.append(row)
    return table(
        (
            "group",
            "samples",
            *(f"{result.name}, {part}" for result in results for part in ("dev", "held out")),
        ),
        rows,
        {0},
    )


def _rates(results: Sequence[Result]) -> str:
    rows = []
    for what in ("natural", "synthetic"):
        for klass in _RATED:
            row = [what, klass]
            for result in results:
                rate: Rate = getattr(result, what)
                row.append(
                    f"{rate.per_megabyte(klass, False):.3f} / {rate.per_megabyte(klass, True):.3f}  ({rate.megabytes:.0f} MB)"
                )
            rows.append(row)
    return table(("text", "class", *(result.name for result in results)), rows, {0, 1})


def _of(board: Board, dimension: str, value: str) -> Count:
    return board.recall.get((dimension, value), Count())


def _both(count: Count) -> str:
    if count.recall is None or count.recall_certain is None:
        return "-"
    return f"{count.recall:.3f} / {count.recall_certain:.3f}"


def as_json(results: Sequence[Result], before: machine.Machine, when: datetime) -> str:
    """Everything that was counted."""
    document = {
        "when": when.isoformat(timespec="seconds"),
        "commit": before.commit,
        "subjects": [_subject(result) for result in results],
    }
    return json.dumps(document, indent=1, sort_keys=False) + "\n"


def _subject(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "development": _board(result.development),
        "held_out": _board(result.held_out),
        "synthetic": _rate(result.synthetic),
        "natural": _rate(result.natural),
    }


def _board(board: Board) -> dict[str, Any]:
    recall: dict[str, dict[str, Any]] = {}
    for (dimension, value), count in sorted(board.recall.items()):
        recall.setdefault(dimension, {})[value] = {
            "labels": count.labels,
            "likely": count.likely,
            "certain": count.certain,
        }
    return {
        "samples": dict(board.samples),
        "recall": recall,
        "precision": {klass: _rounded(board.precision(klass)) for klass in _RATED},
        "false": {
            f"{group}, {klass}": [one.likely, one.certain]
            for (group, klass), one in sorted({**board.wrong, **board.shapes}.items())
        },
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return {
        "megabytes": {kind: round(octets / 1e6, 2) for kind, octets in sorted(rate.octets.items())},
        "per_megabyte": {
            klass: {
                "likely": _rounded(rate.per_megabyte(klass, False)),
                "certain": _rounded(rate.per_megabyte(klass, True)),
            }
            for klass in _RATED
        },
        "by_kind": {", ".join(key): count for key, count in sorted(rate.classes.items())},
        "by_pattern": {", ".join(key): count for key, count in rate.patterns.most_common()},
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


# --- what to look at ----------------------------------------------------------------------------------------------------


def misses(result: Result) -> str:
    """What was missed and what fired falsely in the development set, and what fires in text where nothing is."""
    lines: dict[str, list[str]] = {}
    for outcome in result.outcomes:
        for heading, line in _told(outcome):
            lines.setdefault(heading, []).append(line)
    parts = []
    for heading, each in sorted(lines.items()):
        parts.append(f"{heading}  ({len(each)})\n" + "".join(f"    {line}\n" for line in each[:_EACH]))
    for title, rate in (("NATURAL", result.natural), ("SYNTHETIC", result.synthetic)):
        parts.append(_fired(title, rate))
    return "\n".join(parts)


def _told(outcome: Outcome) -> Iterator[tuple[str, str]]:
    sample = outcome.sample
    for label, found in zip(sample.labels, outcome.covered, strict=True):
        if found is None and sample.group != "control":
            group = (
                f"{label.klass} {label.kind}"
                if label.klass != "pan" or label.kind == "expiry"
                else f"pan {sample.detail}"
            )
            heading = (
                f"MISSED {sample.group}: {sample.shape} [{label.klass}]"
                if sample.group == "encoded"
                else f"MISSED {group}"
            )
            yield heading, f"{sample.id} {sample.shape}: {_shown(sample, label)}"
    for one in outcome.wrong:
        label_ = sample.labels[0] if sample.labels else None
        yield (
            f"FALSE {sample.group}: {sample.shape} -> {one.pattern}",
            f"{sample.id} view {one.view}: {_shown(sample, label_)}",
        )


def _shown(sample: Sample, label: Label | None) -> str:
    """The surroundings of a value, which itself is masked if it is a card's."""
    if label is None:
        return _hidden(sample.data[: 2 * _AROUND].decode("utf-8", "replace"))
    if not label.stands:
        return f"{_masked(label)} in {sample.data[:_AROUND]!r}"
    before = sample.data[max(0, label.start - _AROUND) : label.start].decode("utf-8", "replace")
    after = sample.data[label.end : label.end + _AROUND // 3].decode("utf-8", "replace")
    return repr(f"{before}«{_masked(label)}»{after}")


def _masked(label: Label) -> str:
    if label.klass in ("pii",):
        return label.value
    if len(label.value) < 12:
        return label.value
    return label.value[:6] + "*" * min(12, max(0, len(label.value) - 10)) + label.value[-4:]


def _hidden(text: str) -> str:
    """Long runs of digits lose their middle."""
    out, run = [], 0
    for char in text:
        run = run + 1 if char.isdigit() else 0
        out.append("*" if 6 < run <= 12 else char)
    return repr("".join(out))


def _fired(title: str, rate: Rate) -> str:
    head = [f"{title}: {rate.megabytes:.1f} MB"]
    head += [
        f"  {pattern} {confidence}: {count}" for (pattern, confidence), count in rate.patterns.most_common(60)
    ]
    by_kind: Mapping[tuple[str, str, str], int] = rate.classes
    head += [
        f"  in {kind}: {klass} {confidence} {count}"
        for (kind, klass, confidence), count in sorted(by_kind.items())
    ]
    shown: dict[tuple[str, str], int] = {}
    for pattern, confidence, where in rate.examples:
        shown[pattern, confidence] = shown.get((pattern, confidence), 0) + 1
        if shown[pattern, confidence] <= 3 * _EACH:
            head.append(f"    {pattern} {confidence}: {where}")
    return "\n".join(head) + "\n"
