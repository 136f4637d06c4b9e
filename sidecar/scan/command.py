"""`cdefence scan`, `inspect`, `explain` and `patterns`: arguments, order, exit codes.

What belongs here: those.  What never does: how something is looked at, which is imported only when needed.

Exit codes: 0 nothing found, 1 findings, 2 something could not be done (and was named).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.scan.engine import Engine
    from sidecar.scan.jsonl import Line

CLEAN, FOUND, ERROR = 0, 1, 2

_JSONL = "lines of JSON from a file, or from standard input for -; one line out for each, at once"


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs."""
    from sidecar.scan import patterns_command

    scan = commands.add_parser(
        "scan",
        help="find card data, personal data and secrets in files, archives, images and captures",
        description="Looks at files and folders (.gitignore is respected), archives member by member, image tarballs "
        "layer by layer, and pcap files connection by connection.  Exit code 0: nothing found; 1: findings; 2: "
        "something could not be read, and is named on standard error.  Values are masked, always.",
    )
    scan.add_argument("paths", nargs="*", metavar="PATH", help="files and folders; - is standard input")
    scan.add_argument("--format", choices=("table", "json"), default="table", help="json: one object a line")
    scan.add_argument(
        "--jsonl", metavar="FILE", help=f'{_JSONL}: {{"id", "text"}} or {{"id", "data": base64, …}}'
    )
    scan.add_argument(
        "--no-ignore", action="store_true", help="also what .gitignore names, and the folder .git"
    )
    scan.add_argument(
        "--quiet", action="store_true", help="no notes about binary, huge and special files; no summary"
    )
    scan.set_defaults(run=_scan)
    inspect = commands.add_parser(
        "inspect",
        help="push segments of a connection through the inspection of the proxy",
        description="For each line tells what the proxy would do with the connection: verdict, findings, how many bytes "
        "it would have released (before the verdict, or in all) and with which segment (from 0) the verdict came.",
    )
    inspect.add_argument(
        "--jsonl",
        metavar="FILE",
        required=True,
        help=f'{_JSONL}: {{"id", "protocol": "auto|http1|opaque", "direction": "request|response", '
        '"segments": [base64, …]}',
    )
    inspect.set_defaults(run=_inspect)
    explain = commands.add_parser(
        "explain",
        help="tell why something in a text is a finding, or is none",
        description="For each line tells what looked like a value, and at which stage it ended: boundary, check, context, "
        "confidence or finding.  All values are masked.",
    )
    explain.add_argument("--jsonl", metavar="FILE", required=True, help=f'{_JSONL}: {{"id", "text"}}')
    explain.set_defaults(run=_explain)
    for parser in (scan, inspect, explain):
        _add_options(parser)
    patterns_command.register(commands)


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Which patterns, and what is done about what they find."""
    parser.add_argument(
        "--pack",
        action="append",
        metavar="NAME|FOLDER",
        help="a shipped pack by name, or a folder of pattern files of your own (again for more; default: the packs that "
        "are on by default, see cdefence patterns list)",
    )
    parser.add_argument(
        "--policy", type=Path, metavar="FILE", help="what to do about findings (default: the default policy)"
    )
    parser.add_argument(
        "--hash-key", type=Path, metavar="FILE", help="the key of the policy's `values` (see cdefence exact)"
    )


def _scan(args: argparse.Namespace) -> int:
    if bool(args.paths) == bool(args.jsonl):
        return failed("name paths to look at, or --jsonl FILE")
    if args.jsonl:
        from sidecar.scan.texts import judged

        return _lines(args, lambda engine: judged(engine.inspector()), found=FOUND)
    try:
        from sidecar.scan import paths
    except ImportError as error:
        return failed(f"scan needs the package {error.name}; install it with: pip install 'cdefence[scan]'")
    return paths.scan(args, _engine(args))


def _inspect(args: argparse.Namespace) -> int:
    from sidecar.scan.streams import inspected

    return _lines(args, inspected)


def _explain(args: argparse.Namespace) -> int:
    from sidecar.scan.explain import explained

    return _lines(args, explained)


def _lines(
    args: argparse.Namespace, make: Callable[[Engine], Callable[[Line], Line]], found: int = CLEAN
) -> int:
    """Answer lines; the exit code, `found` where there were findings."""
    from sidecar.core.hits import EngineError
    from sidecar.scan import jsonl

    code = CLEAN
    try:
        with jsonl.opened(args.jsonl) as lines:
            for answered in jsonl.answer(lines, make(_engine(args))):
                code = ERROR if answered is None else max(code, found if answered.get("findings") else CLEAN)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        return failed(f"{args.jsonl}: {error.strerror}")
    except EngineError as error:
        return failed(str(error))
    return code


def _engine(args: argparse.Namespace) -> Engine:
    """The engine; ends the process with everything that is wrong with patterns or policy."""
    from dlp_patterns.model import PatternError
    from sidecar.core.fields import ConfigError
    from sidecar.core.hits import EngineError
    from sidecar.scan.engine import engine

    try:
        return engine(args)
    except (PatternError, ConfigError, EngineError) as error:
        sys.exit(failed(str(error)))


def failed(what: str) -> int:
    """Say why nothing was done."""
    print(f"cdefence: {what}", file=sys.stderr)
    return ERROR
