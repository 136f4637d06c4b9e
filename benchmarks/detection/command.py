"""`python -m benchmarks detection`: options, order, exit code."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, records
from benchmarks.detection import report
from benchmarks.detection.run import SYNTHETIC, Plan, run


def main(*, quick: bool, only: str, misses: Path | None, folder: Path | None, peers: bool) -> None:
    """Look, print, write.  `folder` None: nothing is recorded."""
    before = machine.look()
    plan = Plan(peers, 0.05, SYNTHETIC // 10, 7, only) if quick else Plan(peers, only=only)
    results = run(plan)
    print(report.render(results))
    if misses is not None:
        misses.write_text(report.misses(results[0]), "utf-8")
    if folder is not None:
        when = datetime.now(UTC)
        text = report.as_json(results, before, when)
        print(f"\nwritten: {records.write(folder, 'detection', text, before.commit, when)}")


def options(top: argparse.ArgumentParser) -> None:
    """What this question has for itself."""
    top.add_argument(
        "--only", default="", metavar="WORD", help="detection: samples whose id or shape contains it"
    )
    top.add_argument(
        "--misses", type=Path, metavar="FILE", help="detection: what was missed, what fired falsely"
    )
    top.add_argument("--alone", action="store_true", help="detection: without the peers")
