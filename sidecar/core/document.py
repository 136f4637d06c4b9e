"""Reading the text of a YAML or JSON file strictly: what two readers could understand differently is refused.

What belongs here: text to plain values.  What never does: opening the file, its shape (fields.py) and the
meaning of its fields (policy_text.py, and settings.py and scope_file.py in `ops`).

A key written twice, an anchor, a tag or a second document is an error, and only `true` and `false` are
booleans (`no` and `off` are words): a policy means one thing.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Protocol

import yaml

from dlp_patterns.errors import Problem
from sidecar.core.redact import mask_pans

type Node = bool | int | float | str | list["Node"] | dict[str, "Node"] | None
"""One value of a parsed file."""

MAX_DEPTH = 16
"""Deepest nesting; our files need four."""

_MAX_DIGITS = 20
_SHOWN = 60


class DocumentError(ValueError):
    """The text is not the YAML or JSON that we accept; carries the one problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def parse(text: str) -> Node:
    """The value of a JSON or YAML document; text that begins with `{` is tried as JSON first, for large scope maps.

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

    def bounded(digits: str) -> Node:
        if len(digits) > _MAX_DIGITS:
            raise DocumentError(
                Problem("file", f"holds a number of {len(digits)} digits", "write a smaller one")
            )
        return int(digits)

    try:
        parsed: Node = json.loads(
            text, object_pairs_hook=unique, parse_constant=no_constant, parse_int=bounded
        )
    except RecursionError:
        raise DocumentError(_too_deep("")) from None
    return parsed


# The plain scalars of YAML 1.2's core schema, as far as our files need them; anything else is a text.  (YAML 1.1, which
# PyYAML's own loaders speak, reads `no` as false and `22:30` as 1350.)
_PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], Node]], ...] = (
    (re.compile(r"~|null|"), lambda _: None),
    (re.compile(r"true|false"), lambda text: text == "true"),
    (re.compile(rf"-?[0-9]{{1,{_MAX_DIGITS}}}"), int),
    (re.compile(rf"-?[0-9]{{1,{_MAX_DIGITS}}}\.[0-9]{{1,{_MAX_DIGITS}}}"), float),
)

# libyaml where it is built in: ten times as fast.  Only events are taken from it: its composer and PyYAML's resolve
# anchors and recurse without limit, and a file of brackets would crash the process.
_LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _parse_yaml(text: str) -> Node:
    try:
        return _Builder(yaml.parse(text, Loader=_LOADER)).document()
    except yaml.MarkedYAMLError as error:
        # Only what is wrong and where: the error's own text quotes the file.
        what = f"is no YAML: {error.problem}{_line(error.problem_mark)}"
        raise DocumentError(Problem("file", what, "correct the syntax")) from None
    except yaml.YAMLError:
        raise DocumentError(
            Problem("file", "is no YAML: a character is not allowed", "save it as text")
        ) from None


class _Builder:
    """Builds the value of one document from the parser's events."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events

    def document(self) -> Node:
        """The one document; an empty text is None."""
        next(self._events)  # StreamStartEvent
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._node(next(self._events), 0)
        next(self._events)  # DocumentEndEvent
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _wrong("holds a second document", after, "keep one")
        return value

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise DocumentError(_too_deep(_line(event.start_mark)))
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) or event.anchor is not None:
            raise _wrong("uses an anchor", event, "write the value out")
        if event.tag is not None:
            raise _wrong(f"uses the tag {show(str(event.tag))}", event, "remove it")
        if isinstance(event, yaml.ScalarEvent):
            return _plain(event.value) if event.implicit[0] else str(event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return list(self._items(depth))
        return self._mapping(depth)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _mapping(self, depth: int) -> Node:
        table: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, str):
                raise _wrong("has a key that is no word", event, "put it in quotes")
            if key in table:
                raise DocumentError(_duplicate(key, _line(event.start_mark)))
            table[key] = self._node(next(self._events), depth + 1)
        return table


def _plain(text: str) -> Node:
    """The value of a scalar without quotes."""
    for form, value in _PLAIN:
        if form.fullmatch(text):
            return value(text)
    return text


class _Mark(Protocol):
    """A place in the text; libyaml and PyYAML each have a class for it."""

    @property
    def line(self) -> int: ...


def _line(mark: _Mark | None) -> str:
    return f" in line {mark.line + 1}" if mark else ""


def _wrong(what: str, event: yaml.Event, remedy: str) -> DocumentError:
    return DocumentError(Problem("file", f"{what}{_line(event.start_mark)}", remedy))


def _duplicate(key: str, line: str) -> Problem:
    return Problem("file", f"has the key {show(key)} twice{line}", "keep one")


def _too_deep(line: str) -> Problem:
    return Problem("file", f"is nested deeper than {MAX_DEPTH}{line}", "check that it is the right file")


def show(value: Node) -> str:
    """A value as an error message may quote it: short, on one line, and never a card number."""
    text = mask_pans(repr(value) if isinstance(value, str) else json.dumps(value))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
