"""One YAML document, changed by a JSON Patch without touching what the patch does not: comments, order and quotes stay.

What belongs here: ruamel.yaml's tree, the plain values in it, and operations on it.  What never does: what is in the
document, and files (offline.py).

A comment sits in ruamel's tree behind the value before it, so one that stands above a key is torn away with whatever
is removed above that, and is in the way of what is added there.  Most of this module moves such comments to where a
reader expects them.  A document with anchors is written out before it is changed: two places that share a value could
not differ.

Two versions of YAML read `yes`, `0644` and `12:30` differently, and kubectl reads the older one.  What is not changed
is written as it was read, whatever it means; what is added is put in quotes if any version would not take it for a
text.
"""

import io
import re
from collections.abc import Iterator, Sequence
from typing import Final

import yaml as pyyaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import Comment, CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark, MarkedYAMLError, YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, ScalarString
from ruamel.yaml.tokens import CommentToken

from injector.patch import Operation
from injector.tree import Node

_WIDE: Final = 1_000_000
_TRUE, _FALSE = ("yes", "on", "y"), ("no", "off", "n")
"""YAML 1.1 booleans that ruamel, reading 1.2, takes for texts."""


class DocumentError(ValueError):
    """The text is no YAML that we can work with."""


class Document:
    """A parsed document that can be changed and written again."""

    def __init__(self, text: str) -> None:
        """Parse `text`.  Raises DocumentError."""
        self._yaml = _round_trip(text)
        try:
            self._root: object = self._yaml.load(text)
            self.value = _plain(self._root)
        except MarkedYAMLError as error:
            line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise DocumentError(f"is no YAML: {error.problem}{line}") from None
        except YAMLError:
            raise DocumentError("is no YAML: a character is not allowed") from None
        except RecursionError:
            raise DocumentError("is nested too deep, or in itself") from None

    value: Node
    """What it says, as JSON; not changed by `apply`."""

    def apply(self, operations: Sequence[Operation]) -> None:
        """Change the document.  The operations are for `value`."""
        if _shares(self._root):
            self._root = _written_out(self._root)
        vacancies: dict[int, _Vacancy] = {}
        for operation in operations:
            *way, last = _places(str(operation["path"]))
            holder = self._root
            for place in way:
                holder = _at(holder, place)
            _change(holder, last, operation, vacancies)
        for vacancy in vacancies.values():
            vacancy.close()

    def text(self) -> str:
        """The document as YAML."""
        out = io.StringIO()
        self._yaml.dump(self._root, out)
        return out.getvalue()


def _round_trip(text: str) -> YAML:
    """A reader and writer that keeps the layout of `text`."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _WIDE
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    dash = _dash_offset(text)
    yaml.indent(mapping=2, sequence=dash + 2, offset=dash)
    return yaml


_LIST: Final = re.compile(
    r"^( *)(?:- )?[^\s#-][^\n]*:[ ]*(?:#[^\n]*)?\n(?:[ ]*(?:#[^\n]*)?\n)*( *)- ", re.MULTILINE
)


def _dash_offset(text: str) -> int:
    """How far the first list is indented below its key: 2 as most people write it, 0 as kubectl does."""
    if (match := _LIST.search(text)) is None:
        return 0
    item = 2 if match[0].lstrip(" ").startswith("- ") else 0
    return 0 if len(match[2]) <= len(match[1]) + item else 2


# ---- plain values ------------------------------------------------------------------------------------------


def _plain(node: object) -> Node:
    if isinstance(node, CommentedMap):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, int):
        return int(node)
    if isinstance(node, float):
        return float(node)
    if isinstance(node, str) and not isinstance(node, ScalarString):
        return True if node.lower() in _TRUE else False if node.lower() in _FALSE else str(node)
    return str(node)


def _styled(value: Node) -> object:
    """`value` as ruamel's tree has it, texts in quotes where a reader could take them for something else."""
    if isinstance(value, dict):
        return CommentedMap((key, _styled(each)) for key, each in value.items())
    if isinstance(value, list):
        return CommentedSeq(_styled(each) for each in value)
    if isinstance(value, str) and not _is_text_to_all(value):
        return DoubleQuotedScalarString(value)
    return value


# PyYAML reads YAML 1.1.  By first character, the forms of everything that is no text.
_FORMS_1_1: Final = pyyaml.SafeLoader.yaml_implicit_resolvers


def _is_text_to_all(value: str) -> bool:
    forms = (form for _, form in _FORMS_1_1.get(value[:1], ()))
    return not any(form.match(value) for form in forms) and value.lower() not in (*_TRUE, *_FALSE)


# ---- anchors -----------------------------------------------------------------------------------------------


def _shares(root: object) -> bool:
    """Does something in the tree stand in two places?"""
    seen: set[int] = set()
    for node in _collections(root):
        if id(node) in seen or (isinstance(node, CommentedMap) and node.merge):
            return True
        seen.add(id(node))
    return False


def _collections(node: object) -> Iterator[CommentedMap | CommentedSeq]:
    if isinstance(node, CommentedMap | CommentedSeq):
        yield node
        for value in node.values() if isinstance(node, CommentedMap) else node:
            yield from _collections(value)


def _written_out(node: object) -> object:
    """A copy in which everything stands for itself."""
    copy: CommentedMap | CommentedSeq
    if isinstance(node, CommentedMap):
        copy = CommentedMap((key, _written_out(value)) for key, value in node.items())
    elif isinstance(node, CommentedSeq):
        copy = CommentedSeq(_written_out(value) for value in node)
    else:
        if isinstance(node, ScalarString) and node.yaml_anchor():
            return type(node)(str(node))
        return node
    setattr(copy, Comment.attrib, node.ca)
    if node.fa.flow_style():
        copy.fa.set_flow_style()
    return copy


# ---- operations --------------------------------------------------------------------------------------------


def _places(pointer: str) -> list[str]:
    """The steps of a JSON Pointer (RFC 6901)."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _at(holder: object, step: str) -> object:
    if isinstance(holder, CommentedSeq):
        return holder[int(step)]
    assert isinstance(holder, CommentedMap)
    return holder[_key(holder, step)]


def _key(holder: CommentedMap, step: str) -> object:
    """The key that JSON calls `step`; in YAML it may be a number."""
    return next((key for key in holder if str(key) == step), step)


class _Vacancy:
    """Where a key of a mapping was: the next one that is added there takes its place, and the comments behind it."""

    def __init__(self, holder: CommentedMap, position: int, tail: str) -> None:
        self._holder, self._position, self._tail = holder, position, tail

    def fill(self, key: object, value: object) -> None:
        """Put a key there."""
        _unfold(self._holder)
        self._holder.insert(self._position, key, value)
        _put_tail(self._holder, key, self._tail)

    def close(self) -> None:
        """Nothing came: the comments go behind what stands before."""
        if self._position and self._holder:
            before = list(self._holder)[min(self._position, len(self._holder)) - 1]
            _put_tail(self._holder, before, self._tail)


def _change(holder: object, step: str, operation: Operation, vacancies: dict[int, _Vacancy]) -> None:
    value = _styled(operation.get("value"))
    if isinstance(holder, CommentedSeq):
        _change_list(holder, int(step), str(operation["op"]), value)
    elif isinstance(holder, CommentedMap):
        key = _key(holder, step)
        if operation["op"] == "remove":
            if vacancy := vacancies.pop(id(holder), None):
                vacancy.close()
            position, tail = list(holder).index(key), _take_tail(holder, key)
            del holder[key]
            _fold(holder)
            vacancies[id(holder)] = _Vacancy(holder, position, tail)
        elif key in holder:
            holder[key] = value
        elif vacancy := vacancies.pop(id(holder), None):
            vacancy.fill(key, value)
        else:
            _append(holder, key, value)


def _change_list(holder: CommentedSeq, place: int, op: str, value: object) -> None:
    if op == "remove":
        tail = _take_tail(holder, place)
        del holder[place]
        _fold(holder)
        if place and tail:
            _put_tail(holder, place - 1, tail)
    elif op == "replace":
        holder[place] = value
    elif place < len(holder):
        holder.insert(place, value)
    else:
        tail = _take_tail(holder, place - 1) if holder else ""
        _unfold(holder)
        holder.append(value)
        _put_tail(holder, place, tail)


def _append(holder: CommentedMap, key: object, value: object) -> None:
    tail = _take_tail(holder, next(reversed(holder))) if holder else ""
    _unfold(holder)
    holder[key] = value
    _put_tail(holder, key, tail)


def _unfold(holder: CommentedMap | CommentedSeq) -> None:
    """What was `{}` or `[]` gets lines of its own."""
    if not holder:
        holder.fa.set_block_style()


def _fold(holder: CommentedMap | CommentedSeq) -> None:
    """And what has become empty fits on the line of its key."""
    if not holder:
        holder.fa.set_flow_style()


# ---- comments ----------------------------------------------------------------------------------------------


def _leaf(holder: object, place: object) -> tuple[CommentedMap | CommentedSeq, object]:
    """The last value below a place: comments that follow the place's lines hang on it."""
    assert isinstance(holder, CommentedMap | CommentedSeq)
    value = holder[place]
    if isinstance(value, CommentedMap | CommentedSeq) and value and not value.fa.flow_style():
        return _leaf(value, next(reversed(value)) if isinstance(value, CommentedMap) else len(value) - 1)
    return holder, place


def _token(holder: CommentedMap | CommentedSeq, place: object) -> CommentToken | None:
    slots = holder.ca.items.get(place)
    token = slots[_slot(holder)] if slots else None
    return token if isinstance(token, CommentToken) else None


def _slot(holder: CommentedMap | CommentedSeq) -> int:
    """Where ruamel keeps the comment after a value."""
    return 2 if isinstance(holder, CommentedMap) else 0


def _take_tail(holder: object, place: object) -> str:
    """Remove and return the comment lines behind a place, without what stands on its own last line."""
    ends = _take_ends(holder, place)
    owner, last = _leaf(holder, place)
    if (token := _token(owner, last)) is None:
        return ends
    own, _, tail = token.value.partition("\n")
    if own:
        token.value = f"{own}\n"
    else:
        _drop(owner, last)
    return f"{tail}{ends}"


def _take_ends(holder: object, place: object) -> str:
    """The same for comments that ruamel hangs on the collections around the last value, where that is `{}` or `[x]`."""
    assert isinstance(holder, CommentedMap | CommentedSeq)
    value, lines = holder[place], ""
    while isinstance(value, CommentedMap | CommentedSeq) and value:
        lines = "".join(f"{' ' * token.column}{token.value}" for token in value.ca.end) + lines
        value.ca.end = []
        value = value[next(reversed(value))] if isinstance(value, CommentedMap) else value[-1]
    return lines


def _drop(owner: CommentedMap | CommentedSeq, place: object) -> None:
    del owner.ca.items[place]
    value = owner[place]
    if isinstance(value, CommentedMap | CommentedSeq) and value.ca.comment:
        value.ca.comment[0] = None  # behind a flow collection ruamel notes it twice


def _put_tail(holder: object, place: object, tail: str) -> None:
    """Put comment lines behind a place."""
    if not tail:
        return
    owner, last = _leaf(holder, place)
    if token := _token(owner, last):
        token.value += tail
        return
    slots: list[CommentToken | None] = [None, None, None, None]
    slots[_slot(owner)] = CommentToken(f"\n{tail}", CommentMark(0), None)
    owner.ca.items[last] = slots
