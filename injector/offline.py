"""`cdefence inject -f` and `uninject`: the same injection, in files before they are applied.  Pure: text in, text out.

What belongs here: YAML streams and JSON files, which pods in them change, and what is told about them.  What never
does: reading and printing (offline_command.py), the layout of YAML (yaml_edit.py).

A document in which nothing changes is passed through byte by byte.  The webhook injects a pod again whatever a file
says, so a file that was made with an older version, or by hand, does no harm.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from injector import mutate, patch
from injector.eligible import Inject, Place, Reject, Skip, judge
from injector.patch import Operation
from injector.recipe import Recipe
from injector.record import RecordError
from injector.tree import Node, Object, ShapeError
from injector.workloads import Found, Path, find
from injector.yaml_edit import Document, DocumentError
from sidecar import contract


@dataclass(slots=True)
class Report:
    """What came of a file."""

    text: str = ""
    changed: int = 0
    """Pods that are different now."""
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """With one of these the text is of no use."""


class _CannotError(Exception):
    """A pod cannot be changed as asked; the arguments say why."""


type _Change = Callable[[Found, Report], Object]


def inject(text: str, recipe: Recipe) -> Report:
    """Every pod in a YAML stream or JSON file with the sidecar.  What would be denied in the cluster is a problem."""

    def change(found: Found, report: Report) -> Object:
        match judge(found.pod, Place(found.namespace)):
            case Skip(reason):
                report.notes.append(f"{found.label}: left alone, {reason.sentence}")
                return found.pod
            case Reject() as no:
                raise _CannotError(*(str(refusal.problem) for refusal in no.refusals))
            case Inject() as yes:
                done = mutate.inject(found.pod, yes.options, recipe)
                report.notes += [f"{found.label}: {each}" for each in (*yes.warnings, *done.warnings)]
                return done.pod

    return _stream(text, change)


def uninject(text: str) -> Report:
    """Every pod in a YAML stream or JSON file as it was before `inject`."""

    def change(found: Found, _: Report) -> Object:
        try:
            return mutate.strip(found.pod)
        except RecordError as error:
            raise _CannotError(f"{contract.STATUS_ANNOTATION}: {error}; write it as it was") from None

    return _stream(text, change)


# ---- files -------------------------------------------------------------------------------------------------

# YAML 1.2.2, 9.1.1: a line that begins with `---` begins a document, even where a block of text seems to go on.
_BORDER: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_HEAD: Final = re.compile(r"---[ \t]*(?:#[^\n]*)?\n")


def _stream(text: str, change: _Change) -> Report:
    report = Report()
    unix = text.replace("\r\n", "\n")
    if (document := _json(unix)) is not None:
        report.text = _json_file(document, unix, change, report)
    else:
        report.text = "".join(_yaml_stream(unix, change, report))
    if "\r\n" in text:
        report.text = report.text.replace("\n", "\r\n")
    return report


def _json(text: str) -> Node:
    """The value of a JSON file; None if it is none, and YAML must have a look."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value: Node = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def _json_file(document: Node, text: str, change: _Change, report: Report) -> str:
    if not (operations := _operations(document, "", change, report)):
        return text
    assert isinstance(document, dict)
    return json.dumps(patch.apply(document, operations), indent=4, ensure_ascii=False) + "\n"


def _yaml_stream(text: str, change: _Change, report: Report) -> Iterator[str]:
    borders = [0, *(match.start() for match in _BORDER.finditer(text) if match.start()), len(text)]
    for number, start in enumerate(borders[:-1], 1):
        chunk = text[start : borders[number]]
        head = match[0] if (match := _HEAD.match(chunk)) else ""
        where = f"document {number}" if len(borders) > 2 else ""
        yield head + _yaml_document(chunk[len(head) :], where, change, report)


def _yaml_document(text: str, where: str, change: _Change, report: Report) -> str:
    try:
        document = Document(text)
    except DocumentError as error:
        report.problems.append(f"{where or 'the file'} {error}")
        return text
    if not (operations := _operations(document.value, where, change, report)):
        return text
    document.apply(operations)
    return document.text()


# ---- documents ---------------------------------------------------------------------------------------------


def _operations(document: Node, where: str, change: _Change, report: Report) -> list[Operation]:
    """What is to be done to a document, so that every pod in it is changed."""
    if not isinstance(document, dict):
        return []
    prefix = f"{where}, " if where else ""
    operations: list[Operation] = []
    try:
        for found in find(document):
            operations += _pod_operations(found, prefix, change, report)
    except ShapeError as error:
        report.problems.append(f"{prefix}{document.get('kind')}: {error}")
    return operations


def _pod_operations(found: Found, prefix: str, change: _Change, report: Report) -> Iterator[Operation]:
    try:
        new = change(found, report)
    except _CannotError as error:
        report.problems += [f"{prefix}{found.label}: {why}" for why in error.args]
        return
    operations = patch.difference(found.pod, new)
    report.changed += bool(operations)
    for operation in operations:
        yield operation | {"path": _pointer(found.path) + str(operation["path"])}


def _pointer(path: Path) -> str:
    """A JSON Pointer; no step of ours needs escaping."""
    return "".join(f"/{step}" for step in path)
