"""`cdefence scan PATH…`: every file that the paths mean, one after the other."""

import argparse
import sys
from collections.abc import Iterable

from sidecar.core.hits import EngineError
from sidecar.scan import files
from sidecar.scan.engine import Engine
from sidecar.scan.look import Looker, Stream
from sidecar.scan.opened import Budget, Peeked, Readable
from sidecar.scan.report import Report

STANDARD_INPUT = "-"
_UNKNOWN_SIZE = 1 << 32
"""What standard input may open to is counted as if it had this size."""


def scan(args: argparse.Namespace, engine: Engine) -> int:
    """Look at everything; 0 nothing found, 1 findings, 2 something was not read."""
    report = Report(args.format, quiet=args.quiet)
    looker = Looker(engine, report)
    try:
        if STANDARD_INPUT in args.paths:
            _standard_input(looker)
        paths = [path for path in args.paths if path != STANDARD_INPUT]
        found: Iterable[files.Found] = files.walk(paths, report, ignore=not args.no_ignore)
        if report.wants_total:
            found = list(found)
            report.total(sum(file.size for file in found))
        for file in found:
            _file(looker, file)
    except EngineError as error:
        report.failure("engine", str(error))
    except KeyboardInterrupt:
        report.failure("scan", "interrupted")
    report.end()
    return 2 if report.counts["not read"] else 1 if report.counts["findings"] else 0


def _file(looker: Looker, found: files.Found) -> None:
    report = looker.report
    try:
        with open(files.opened(found.path), "rb", buffering=0) as raw:  # noqa: PTH123 - a descriptor
            report.counts["files"] += 1
            budget = Budget(found.size)
            looker.look(Stream(found.path, Peeked(_Counted(raw, report)), budget, file=raw))
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        report.failure(looker.shown(found.path), f"cannot be read ({error.strerror or type(error).__name__})")


def _standard_input(looker: Looker) -> None:
    looker.report.counts["files"] += 1
    source = Peeked(_Counted(sys.stdin.buffer, looker.report))
    looker.look(Stream(STANDARD_INPUT, source, Budget(_UNKNOWN_SIZE)))


class _Counted:
    """Tells the report how far reading has come."""

    def __init__(self, source: Readable, report: Report) -> None:
        self._source = source
        self._report = report

    def read(self, size: int, /) -> bytes:
        data = self._source.read(size)
        self._report.advance(len(data))
        return data
