"""What `cdefence check` and `cdefence status` say: findings, tables, JSON, exit codes.  Pure.

What belongs here: the shape of what is told.  What never does: looking at a cluster, and judging what was seen.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from injector.tree import Object
from sidecar import contract

FINE, TROUBLE, NOT_DONE = 0, 1, 2
"""Exit codes: all is well; something is not; it could not be found out."""


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """Works, and somebody should know."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """Nobody has looked, and the text says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `remedy` says what to do, unless all is well."""

    check: str
    level: Level
    text: str
    remedy: str = ""


_MARKS: Final = {Level.OK: "✔", Level.WARNING: "!", Level.FAILED: "✘", Level.SKIPPED: "-"}


def exit_code(findings: Iterable[Finding]) -> int:
    """1 when something failed; warnings and what was skipped do not count."""
    return TROUBLE if any(each.level is Level.FAILED for each in findings) else FINE


def as_text(findings: Sequence[Finding]) -> str:
    """One line a finding, its remedy below it, and a last line that sums up."""
    width = max((len(each.check) for each in findings), default=0)
    lines = [line for each in findings for line in _lines(each, width)]
    counts = [f"{sum(each.level is level for each in findings)} {level}" for level in Level]
    return "\n".join([*lines, "", ", ".join(counts)])


def _lines(finding: Finding, width: int) -> Iterator[str]:
    yield f"{_MARKS[finding.level]} {finding.check.ljust(width)}  {finding.text}"
    if finding.remedy:
        yield f"  {' ' * width}  → {finding.remedy}"


def as_json(kind: str, body: Object) -> str:
    """A document of ours, indented."""
    return json.dumps(
        {"apiVersion": contract.API_VERSION, "kind": kind, **body}, indent=2, ensure_ascii=False
    )


def rows(findings: Iterable[Finding]) -> list[Object]:
    """The findings for a document."""
    return [asdict(each) for each in findings]


def table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Text in columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in (header, *body)
    )
