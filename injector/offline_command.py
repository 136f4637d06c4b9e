"""`cdefence inject`, `cdefence uninject`, `cdefence annotations`: arguments, printing, exit codes.

What belongs here: those.  What never does: what is injected how (offline.py, options.py), imported only when needed.

Exit codes: 0 done; 2 not done, standard error says everything that is in the way, and standard output stays empty.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from injector.offline import Report

DONE, FAILED = 0, 2


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands."""
    inject = commands.add_parser("inject", help="add the sidecar to the workloads in a file")
    _takes_file(inject)
    inject.add_argument("--image", help="image of cdefence (default: of this version)")
    inject.add_argument(
        "--image-pull-policy", choices=("Always", "IfNotPresent", "Never"), default="IfNotPresent"
    )
    inject.set_defaults(run=_inject)
    uninject = commands.add_parser("uninject", help="take the sidecar out of the workloads in a file")
    _takes_file(uninject)
    uninject.set_defaults(run=_uninject)
    annotations = commands.add_parser(
        "annotations", help="print every annotation of pods as a markdown table"
    )
    annotations.set_defaults(run=_annotations)


def _takes_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f", "--file", required=True, help="YAML (also several documents) or JSON; - is standard input"
    )


def _inject(args: argparse.Namespace) -> int:
    from injector import offline
    from injector.recipe import DEFAULT_IMAGE, PullPolicy, Recipe

    recipe = Recipe(image=args.image or DEFAULT_IMAGE, pull_policy=PullPolicy(args.image_pull_policy))
    text = _read(args.file)
    return FAILED if text is None else _tell("inject", offline.inject(text, recipe))


def _uninject(args: argparse.Namespace) -> int:
    from injector import offline

    text = _read(args.file)
    return FAILED if text is None else _tell("uninject", offline.uninject(text))


def _annotations(_: argparse.Namespace) -> int:
    from injector.options import documentation

    print("\n".join(documentation()))
    return DONE


def _read(name: str) -> str | None:
    """The text of a file, line ends as they are; None after an error message."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode()
    except OSError as error:
        sys.stderr.write(f"cdefence: {name}: {error.strerror}\n")
    except UnicodeDecodeError as error:
        sys.stderr.write(f"cdefence: {name}: is not UTF-8 (byte {error.start}); save it as UTF-8\n")
    return None


def _tell(verb: str, report: "Report") -> int:
    for line in report.problems or report.notes:
        sys.stderr.write(f"cdefence {verb}: {line}\n")
    if report.problems:
        return FAILED
    sys.stdout.write(report.text)
    return DONE
