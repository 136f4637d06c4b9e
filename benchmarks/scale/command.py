"""`python -m benchmarks scale`: run, print, write; the exit code.

What never belongs here: measuring.
"""

from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, records
from benchmarks.scale import results
from benchmarks.scale.plan import QUICK, WHOLE
from benchmarks.scale.run import run


def main(*, quick: bool, folder: Path | None) -> bool:
    """Whether every bar is cleared.  Raises BedError, BenchError when nothing can be measured."""
    before = machine.look()
    found = run(QUICK if quick else WHOLE)
    print(results.render(found, before))
    if folder is not None:
        when = datetime.now(UTC)
        text = results.as_json(found, before, when)
        print(f"\nwritten: {records.write(folder, 'scale', text, before.commit, when)}")
    return results.passed(found)
