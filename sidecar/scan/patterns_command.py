"""`cdefence patterns list | show | test | lint`: what patterns there are, and whether those of a user are good.

What belongs here: arguments, printing, exit codes.  What never does: an example whose value is not masked.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlp_patterns.model import Pattern

GOOD, BAD, ERROR = 0, 1, 2


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs."""
    patterns = commands.add_parser("patterns", help="list, show, test and check patterns, ours and your own")
    verbs = patterns.add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser(
        "list", help="every pattern: id, class, severity, title, pack, on by default or not"
    )
    listing.add_argument(
        "--format", choices=("table", "json"), default="table", help="json: one object a line"
    )
    listing.set_defaults(run=_list)
    show = verbs.add_parser("show", help="one pattern; values in its examples are masked")
    show.add_argument("id")
    show.set_defaults(run=_show)
    test = verbs.add_parser(
        "test",
        help="run every example through the real engine",
        description="Exit code 0: every example does what it says; 1: one does not, and is named; 2: not tried.",
    )
    test.set_defaults(run=_test)
    for verb in (listing, show, test):
        verb.add_argument(
            "--pack", action="append", metavar="NAME|FOLDER", help="only these (default: all that ship)"
        )
    lint = verbs.add_parser(
        "lint",
        help="check pattern files: form, limits of compiling, examples, speed",
        description="Loads each file or folder, compiles each pattern alone within limits of time and memory, runs its "
        "examples, and measures how fast it scans.  Exit code 0: good; 1: an example fails or a pattern is slow; 2: one "
        "cannot be used at all.",
    )
    lint.add_argument("paths", nargs="+", metavar="FILE", help="pattern files, and folders of them")
    lint.set_defaults(run=_lint)


def _list(args: argparse.Namespace) -> int:
    from dlp_patterns import load

    patterns = _chosen(args.pack)
    on = load.default()
    rows = [
        {
            "id": each.id,
            "class": each.klass.value,
            "severity": each.severity.value,
            "title": each.title,
            "pack": pack,
            "on": pack in on or pack not in load.shipped(),
        }
        for each in patterns
        for pack in (each.id.partition("/")[0],)
    ]
    if args.format == "json":
        for row in rows:
            print(json.dumps(row, separators=(",", ":")))
        return GOOD
    width = max((len(each.id) for each in patterns), default=0)
    for row in rows:
        state = "on" if row["on"] else "off"
        print(f"{row['id']:<{width}}  {row['class']:<6}  {row['severity']:<8}  {state:<3}  {row['title']}")
    return GOOD


def _show(args: argparse.Namespace) -> int:
    pattern = next((each for each in _chosen(args.pack) if each.id == args.id), None)
    if pattern is None:
        return _failed(f"there is no pattern {args.id}; see cdefence patterns list")
    print("\n".join(_lines(pattern)))
    return GOOD


def _lines(pattern: Pattern) -> Iterator[str]:
    """One pattern as its file has it, but for the examples."""
    from dlp_patterns import masking

    yield f"id: {pattern.id}"
    if pattern.tells:
        yield f"tells: {pattern.tells}"
    yield f"title: {pattern.title}"
    yield f"source: {pattern.source}"
    yield f"class: {pattern.klass}"
    yield f"severity: {pattern.severity}"
    yield f"regex: {pattern.regex.decode('ascii', 'backslashreplace')}"
    yield f"width: {pattern.width}"
    yield f"boundary: {{left: {pattern.boundary.left}, right: {pattern.boundary.right}}}"
    yield f"check: {pattern.check}"
    yield f"show: {pattern.show}"
    if context := pattern.context:
        yield "context:"
        for name in ("fields", "words", "deny"):
            if words := getattr(context, name):
                yield f"  {name}: [{', '.join(word.decode() for word in words)}]"
        yield f"  distance: {context.distance}"
        yield f"  required: {str(context.required).lower()}"
    yield "match:"
    yield from (
        f"  - finds: {masking.shown(pattern.show, each.value, pattern.openings)}" for each in pattern.match
    )
    yield "no_match:"
    yield from (f"  - why: {each.why}" for each in pattern.no_match)


def _test(args: argparse.Namespace) -> int:
    from sidecar.core.hits import EngineError
    from sidecar.scan.examples import complaints

    patterns = _chosen(args.pack)
    try:
        wrong = list(complaints(patterns))
    except EngineError as error:
        return _failed(str(error))
    for what in wrong:
        print(what)
    examples = sum(len(each.match) + len(each.no_match) for each in patterns)
    print(f"{len(patterns)} patterns, {examples} examples, {len(wrong)} wrong")
    return BAD if wrong else GOOD


def _lint(args: argparse.Namespace) -> int:
    from dlp_patterns.model import PatternError
    from sidecar.core.hits import EngineError
    from sidecar.match import packs
    from sidecar.scan.examples import complaints
    from sidecar.scan.lint import remarks

    code = GOOD
    for path in map(Path, args.paths):
        try:
            patterns = packs.patterns((), (path,)) if path.is_dir() else (packs.one_file(path),)
            for pattern in patterns:
                figures, warnings = remarks(pattern)
                file = path / f"{pattern.id.partition('/')[2]}.yaml" if path.is_dir() else path
                print(
                    f"{pattern.id}: {figures}",
                    *(f"  warning: {file}: regex: {each}" for each in warnings),
                    sep="\n",
                    flush=True,
                )
                code = max(code, BAD if warnings else GOOD)
            for wrong in complaints(patterns):
                print(wrong)
                code = max(code, BAD)
        except (PatternError, EngineError) as error:
            code = _failed(str(error))
    return code


def _chosen(given: list[str] | None) -> tuple[Pattern, ...]:
    """The patterns of these packs, else of all that ship; ends the process if they cannot be read."""
    from dlp_patterns import load
    from dlp_patterns.model import PatternError
    from sidecar.core.hits import EngineError
    from sidecar.scan.engine import chosen

    try:
        return chosen(given or list(load.shipped()))
    except (PatternError, EngineError) as error:
        sys.exit(_failed(str(error)))


def _failed(what: str) -> int:
    print(f"cdefence: {what}", file=sys.stderr)
    return ERROR
