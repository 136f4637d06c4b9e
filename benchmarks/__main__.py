"""`python -m benchmarks [micro|scan|bombs|scale|detection]`: options, order, exit code.

Exit codes: 0 measured; 1 a measurement failed, or with --strict a bar was missed; 2 nothing could be measured.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

from benchmarks import bars, machine, report
from benchmarks.detection import command as detection
from benchmarks.errors import BenchError
from benchmarks.peers import OURS, PEERS
from benchmarks.questions import QUESTIONS
from benchmarks.run import Plan, run
from sidecar.lab.errors import LabError

RESULTS: Final = Path(__file__).parent / "results"
MEASURED, FAILED, IMPOSSIBLE = 0, 1, 2
ROUNDS, SECONDS = 3, 3.0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    top.add_argument(
        "what",
        nargs="?",
        choices=("peers", "micro", "scan", "bombs", "scale", "detection"),
        default="peers",
        help="default: peers",
    )
    top.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    top.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"of one measurement; default: {SECONDS:g}"
    )
    top.add_argument("--quick", action="store_true", help="one round of one second: does it run at all?")
    top.add_argument("--strict", action="store_true", help="a missed bar is exit code 1")
    top.add_argument("--peers", type=_some_of("peer", [peer.name for peer in PEERS]), metavar="A,B")
    top.add_argument("--questions", type=_some_of("question", [one.name for one in QUESTIONS]), metavar="A,B")
    top.add_argument(
        "--output", type=Path, help="write the results there; default: benchmarks/results, if whole"
    )
    detection.options(top)
    return top


def _some_of(what: str, known: Sequence[str]) -> Callable[[str], frozenset[str]]:
    def parse(text: str) -> frozenset[str]:
        names = frozenset(text.split(","))
        if unknown := names.difference(known):
            raise argparse.ArgumentTypeError(
                f"no {what} {', '.join(sorted(unknown))}; there are: {', '.join(known)}"
            )
        return names

    return parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; the exit code."""
    args = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _terminated)
    if args.what == "micro":
        from benchmarks import micro

        return micro.main()
    if args.what == "bombs":
        from benchmarks import bombs

        return FAILED if bombs.main() and args.strict else MEASURED
    if args.what == "scan":
        from benchmarks import scan

        missed = scan.main(args.output or (None if args.quick else RESULTS), quick=args.quick)
        return FAILED if args.strict and missed else MEASURED
    if args.what == "scale":
        return _scale(args)
    if args.what == "detection":
        return _detection(args)
    plan = _plan(args)
    before = machine.look()
    try:
        results = run(plan)
    except (BenchError, LabError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return IMPOSSIBLE
    judgements = bars.judge(results)
    print(report.render(results, judgements, before))
    folder = args.output or (RESULTS if _whole(args) else None)
    if folder is not None:
        when = datetime.now(UTC)
        text = report.as_json(results, judgements, before, when)
        print(f"\nwritten: {report.write(folder, text, before.commit, when)}")
    missing = any(one.absent for one in results.standings if one.peer == OURS.name)
    missed = args.strict and not all(judgement.passed for judgement in judgements)
    return FAILED if results.failures or missing or missed else MEASURED


def _scale(args: argparse.Namespace) -> int:
    """The control plane; only a whole run is recorded."""
    from benchmarks.scale import command
    from tests.cluster.bed.errors import BedError

    try:
        cleared = command.main(quick=args.quick, folder=args.output or (None if args.quick else RESULTS))
    except (BenchError, BedError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return IMPOSSIBLE
    return FAILED if args.strict and not cleared else MEASURED


def _detection(args: argparse.Namespace) -> int:
    """What is found; only a whole run is recorded."""
    part = args.quick or args.only or args.alone
    folder = args.output or (None if part else RESULTS)
    detection.main(quick=args.quick, only=args.only, misses=args.misses, folder=folder, peers=not args.alone)
    return MEASURED


def _plan(args: argparse.Namespace) -> Plan:
    """Whatever is chosen, we are among the peers: the ratios are to us."""
    peers = [peer for peer in PEERS if not args.peers or peer.name in args.peers or peer is OURS]
    questions = [one for one in QUESTIONS if not args.questions or one.name in args.questions]
    if args.quick:
        return Plan(peers, questions, rounds=1, seconds=1.0, warm_up=False)
    return Plan(peers, questions, max(1, args.rounds), max(1.0, args.seconds))


def _whole(args: argparse.Namespace) -> bool:
    """Only a run of everything, long enough, may replace the recorded results."""
    chosen = args.peers or args.questions or args.quick
    return not chosen and args.rounds >= ROUNDS and args.seconds >= SECONDS


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
