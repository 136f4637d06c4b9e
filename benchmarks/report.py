"""Results as people read them (one aligned table) and as programs do (JSON).  Pure, but for writing the files."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final

from benchmarks import records
from benchmarks.bars import OURS, Judgement
from benchmarks.machine import Machine
from benchmarks.questions.memory import Weight
from benchmarks.questions.model import Question
from benchmarks.results import Answers, Incident, Results
from benchmarks.spread import Spread

FORMAT: Final = 1
"""Of the JSON; raised when a reader would have to change."""
_HEADER: Final = (
    *("question", "peer", "min", "median", "max", "unit"),
    *("cdefence ÷ peer", "p50 µs", "p99 µs", "CPU µs"),
)
_TEXT_COLUMNS: Final = {0, 1, 5}


def render(results: Results, judgements: Sequence[Judgement], machine: Machine) -> str:
    """The whole report."""
    parts = [
        _setting(results, machine),
        table(_HEADER, _rows(results), _TEXT_COLUMNS),
        "CPU: the proxy's own processor time per request, for MB/s per megabyte.  Ratios are made round by round.",
        table(
            ("resident memory, MiB", "first start", "idle", "after load", "peak"), _memory_rows(results), {0}
        ),
        *_absences(results),
        *_incidents("REPEATED", results.repeats),
        *_incidents("FAILED", results.failures),
        table(("bar", "seen", ""), [_bar_row(judgement) for judgement in judgements], {0, 2}),
    ]
    return "\n\n".join(parts)


def _setting(results: Results, machine: Machine) -> str:
    versions = [standing.version for standing in results.standings if standing.version]
    tools = ", ".join(dict.fromkeys([*versions, *machine.tools]))
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gib:g} GiB, Linux {machine.kernel}, "
        f"Python {machine.python}; load average before: {machine.load_average:g}\n"
        f"commit {machine.commit}; {tools}\n"
        f"{results.rounds} rounds of {results.seconds:g} s, peers in turn; one worker each, transparent by the "
        "pod's own redirection; 16 connections kept alive, 4 for 10 MB, unless said otherwise"
    )


def _rows(results: Results) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    titles = {standing.peer: standing.title for standing in results.standings}
    previous: Question | None = None
    for answers in results.answers:
        title = answers.question.title if answers.question is not previous else ""
        previous = answers.question
        rows.append((title, titles[answers.peer], *_figures(results, answers)))
    return rows


def _figures(results: Results, answers: Answers) -> list[str]:
    value = answers.of("value")
    cells = [number(value.low), number(value.middle), number(value.high)] if value else ["failed", "", ""]
    ratio = results.ratio_spread(answers.question.name, OURS, answers.peer)
    own = answers.peer == OURS or ratio is None
    cells += [answers.question.unit.value, "" if own else _span(ratio)]
    return cells + [_middle(answers.of(figure)) for figure in ("p50", "p99", "cpu")]


def _memory_rows(results: Results) -> list[Sequence[str]]:
    titles = {standing.peer: standing.title for standing in results.standings}
    return [
        (titles[peer], *("" if size is None else f"{size:.1f}" for size in _sizes(weight)))
        for peer, weight in results.weights.items()
    ]


def _sizes(weight: Weight) -> tuple[float | None, ...]:
    return weight.first, weight.idle, weight.loaded, weight.peak


def _absences(results: Results) -> list[str]:
    gone = [f"NOT MEASURED  {one.title}: {one.absent}" for one in results.standings if one.absent]
    return ["\n".join(gone)] if gone else []


def _incidents(what: str, incidents: Sequence[Incident]) -> list[str]:
    lines = [f"{what}  {one.question}, {one.peer}, round {one.round}: {one.why}" for one in incidents]
    return ["\n".join(lines)] if lines else []


def _bar_row(judgement: Judgement) -> Sequence[str]:
    if judgement.seen is None:
        return judgement.text, "not measured", ""
    return judgement.text, f"{judgement.seen:.2f}", "pass" if judgement.passed else "MISSED"


def _span(ratio: Spread | None) -> str:
    return f"{number(ratio.low)} – {number(ratio.middle)} – {number(ratio.high)}" if ratio else ""


def _middle(known: Spread | None) -> str:
    return number(known.middle) if known else ""


def number(value: float) -> str:
    """Three figures that mean something, thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: set[int]) -> str:
    """Columns as wide as their widest cell; those in `left` are words, the others figures and set to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), line(["─" * width for width in widths]), *map(line, rows)])


# --- for programs -------------------------------------------------------------------------------------------------------


def as_json(results: Results, judgements: Sequence[Judgement], machine: Machine, when: datetime) -> str:
    """Everything, with the raw figures of every round."""
    document = {
        "format": FORMAT,
        "date": when.isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "rounds": results.rounds,
        "seconds": results.seconds,
        "peers": [asdict(standing) for standing in results.standings],
        "answers": [_answers_json(results, answers) for answers in results.answers],
        "memory_mib": {peer: asdict(weight) for peer, weight in results.weights.items()},
        "failures": [asdict(failure) for failure in results.failures],
        "repeats": [asdict(repeat) for repeat in results.repeats],
        "bars": [asdict(judgement) for judgement in judgements],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _answers_json(results: Results, answers: Answers) -> dict[str, object]:
    value = answers.of("value")
    ratio = results.ratio_spread(answers.question.name, OURS, answers.peer)
    return {
        "question": answers.question.name,
        "title": answers.question.title,
        "unit": answers.question.unit.value,
        "peer": answers.peer,
        "value": asdict(value) if value else None,
        "cdefence_ratio": asdict(ratio) if ratio else None,
        "cdefence_ratio_by_round": results.ratio(answers.question.name, OURS, answers.peer),
        "rounds": [asdict(sample) if sample is not None else None for sample in answers.rounds],
    }


def write(folder: Path, text: str, commit: str, when: datetime) -> Path:
    """The dated file and `latest.json`; returns the dated one."""
    path = records.write(folder, "", text, commit, when)
    part = folder / "latest.part"
    part.write_text(text, encoding="utf-8")
    part.replace(folder / "latest.json")
    return path
