"""Reading a YAML or JSON file strictly: what two readers could understand differently is refused.

What belongs here: text to plain values.  What never does: the shape of a file (fields.py) and the meaning
of its fields (settings.py, policy_file.py, scope_file.py).

A key written twice, an anchor, a tag or a second document is an error, and only `true` and `false` are
booleans (`no` and `off` are words): a policy means one thing.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import yaml

from dlp_patterns.errors import Problem
from sidecar.ops.redact import mask_pans

type Node = bool | int | float | str | list["Node"] | dict[str, "Node"] | None
"""One value of a parsed file."""

MAX_FILE = 64 * 1024 * 1024
"""Largest file read, bytes.  A scope map of 500,000 peers fits; a device or a log by mistake does not."""

MAX_DEPTH = 16
"""Deepest nesting; our files need four."""

_SHOWN = 60


class DocumentError(ValueError):
    """The text is not the YAML or JSON that we accept; carries the one problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def read_text(path: Path) -> str:
    """The text of the file at `path`.

    Raises OSError, and DocumentError for a file that is too large or no UTF-8.
    """
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise DocumentError(
            Problem("file", f"is larger than {MAX_FILE} bytes", "check that it is the right file")
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DocumentError(
            Problem("file", f"is not UTF-8 (byte {error.start})", "save it as UTF-8")
        ) from None


def parse(text: str) -> Node:
    """The value of a JSON or YAML document; text that begins with `{` is JSON (a large scope map parses 50
    times faster).

    Raises DocumentError, which names the line.
    """
    if text.lstrip()[:1] == "{":
        try:
            return _parse_json(text)
        except json.JSONDecodeError:
            pass  # a YAML flow mapping also begins with "{"
    return _parse_yaml(text)


def _parse_json(text: str) -> Node:
    def no_constant(name: str) -> Node:
        raise DocumentError(Problem("file", f"holds {name}", "write a number"))

    def unique(pairs: list[tuple[str, Node]]) -> Node:
        table = dict(pairs)
        if len(table) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise DocumentError(_duplicate(twice, ""))
        return table

    try:
        parsed: Node = json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except RecursionError:
        raise DocumentError(_too_deep("")) from None
    return parsed


class _CoreSchema(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml where it is built in
    """YAML 1.2's core schema: fewer surprises than 1.1, in which `no` is false and `22:30` is 1350."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape


_TAG = "tag:yaml.org,2002:"
_SCALARS: dict[str, tuple[str, list[str | None], Callable[[str], Node]]] = {
    "null": (r"~|null|", ["~", "n", "", None], lambda _: None),
    "bool": (r"true|false", ["t", "f"], lambda text: text == "true"),
    "int": (r"-?[0-9]+", list("-0123456789"), int),
    "float": (r"-?[0-9]+\.[0-9]+", list("-0123456789"), float),
    "str": (r"(?!)", [], str),
}
for _name, (_form, _first, _) in _SCALARS.items():
    if _first:
        _CoreSchema.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_form})\Z"), _first)


def _parse_yaml(text: str) -> Node:
    try:
        root = yaml.compose(text, Loader=_CoreSchema)
    except yaml.MarkedYAMLError as error:
        # Only what is wrong and where: the error's own text quotes the file.
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DocumentError(
            Problem("file", f"is no YAML: {error.problem}{where}", "correct the syntax")
        ) from None
    except yaml.YAMLError:
        raise DocumentError(
            Problem("file", "is no YAML: a character is not allowed", "save it as plain text")
        ) from None
    return None if root is None else _build(root, set(), 0)


def _build(node: yaml.Node, seen: set[int], depth: int) -> Node:
    """The value of one YAML node; a node met twice is an alias."""
    line = f" in line {node.start_mark.line + 1}"
    if depth > MAX_DEPTH:
        raise DocumentError(_too_deep(line))
    if id(node) in seen:
        raise DocumentError(Problem("file", f"uses an anchor{line}", "write the value out"))
    seen.add(id(node))
    kind = node.tag.removeprefix(_TAG)
    if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
        try:
            return _SCALARS[kind][2](node.value)
        except ValueError:
            raise DocumentError(
                Problem("file", f"has a value that is no {kind}{line}", "correct it")
            ) from None
    if isinstance(node, yaml.SequenceNode) and kind == "seq":
        return [_build(item, seen, depth + 1) for item in node.value]
    if isinstance(node, yaml.MappingNode) and kind == "map":
        return _build_mapping(node, seen, depth)
    raise DocumentError(Problem("file", f"uses the YAML tag {node.tag}{line}", "remove the tag"))


def _build_mapping(node: yaml.MappingNode, seen: set[int], depth: int) -> Node:
    table: dict[str, Node] = {}
    for key_node, value_node in node.value:
        key = _build(key_node, seen, depth + 1)
        line = f" in line {key_node.start_mark.line + 1}"
        if not isinstance(key, str):
            raise DocumentError(Problem("file", f"has a key that is no word{line}", "put it in quotes"))
        if key in table:
            raise DocumentError(_duplicate(key, line))
        table[key] = _build(value_node, seen, depth + 1)
    return table


def _duplicate(key: str, line: str) -> Problem:
    return Problem("file", f"has the key {show(key)} twice{line}", "keep one")


def _too_deep(line: str) -> Problem:
    return Problem("file", f"is nested deeper than {MAX_DEPTH}{line}", "check that it is the right file")


def show(value: Node) -> str:
    """A value as an error message may quote it: short, on one line, and never a card number."""
    text = mask_pans(repr(value) if isinstance(value, str) else json.dumps(value))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
