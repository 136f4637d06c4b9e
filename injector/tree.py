"""Kubernetes objects as the JSON they are: a type for it, and reading without surprises.

What belongs here: access to the fields of a document that others own and extend, which is why it stays a tree and is
not parsed into classes that would lose what they do not know.  What never does: what a field means.

A missing field and `null` are the same to Kubernetes, and so they are here.
"""

import json
import re
from collections.abc import Iterator

type Node = bool | int | float | str | list["Node"] | dict[str, "Node"] | None
"""One JSON value."""
type Object = dict[str, Node]
"""A JSON object."""


class ShapeError(ValueError):
    """A field is not the kind of value that Kubernetes has there."""


def mapping(parent: Object, key: str) -> Object:
    """The object under `key`; empty if there is none.  Raises ShapeError if it is something else."""
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ShapeError(f"{key}: is no mapping; see the Kubernetes API reference")
    return value


def items(parent: Object, key: str) -> list[Object]:
    """The objects in the list under `key`; empty if there is none.  Raises ShapeError if it is something else."""
    value = parent.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ShapeError(f"{key}: is no list; see the Kubernetes API reference")
    return [_object(key, item) for item in value]


def _object(key: str, value: Node) -> Object:
    if not isinstance(value, dict):
        raise ShapeError(f"{key}: holds something that is no mapping; see the Kubernetes API reference")
    return value


def text(parent: Object, key: str) -> str:
    """The text under `key`; empty if there is none.  Raises ShapeError if it is something else."""
    value = parent.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ShapeError(f"{key}: is no text; put it in quotes")
    return value


def texts(parent: Object, key: str) -> dict[str, str]:
    """The texts in the object under `key` (labels, annotations).  Raises ShapeError if one is something else."""
    table = mapping(parent, key)
    return {name: text(table, name) for name in table}


def ensure(parent: Object, key: str) -> Object:
    """The object under `key`, made if there is none."""
    if parent.get(key) is None:
        parent[key] = {}
    return mapping(parent, key)


def ensure_list(parent: Object, key: str) -> list[Node]:
    """The list under `key`, made if there is none."""
    items(parent, key)
    value = parent.get(key)
    if not isinstance(value, list):
        value = parent[key] = []
    return value


def containers(spec: Object) -> Iterator[Object]:
    """Every container of a pod, init and ephemeral ones too."""
    for key in ("initContainers", "containers", "ephemeralContainers"):
        yield from items(spec, key)


def copied(node: Node) -> Node:
    """An equal tree that shares nothing that could be changed; several times as fast as `copy.deepcopy`."""
    if isinstance(node, dict):
        return {key: copied(each) if isinstance(each, (dict, list)) else each for key, each in node.items()}
    return [copied(each) for each in node] if isinstance(node, list) else node


def compact(node: Node) -> str:
    """One spelling for one value: sorted keys, no spaces, ASCII."""
    return json.dumps(node, sort_keys=True, separators=(",", ":"))


_LONG_NUMBER = re.compile(r"[0-9](?:[ .-]?[0-9]){12,}")
_HEAD, _TAIL, _SHOWN = 6, 4, 60


def show(value: str) -> str:
    """A text as a message may quote it: on one line, short, and of a long number no more than PCI DSS 3.4.1 allows."""
    quoted = repr(_LONG_NUMBER.sub(lambda number: f"{number[0][:_HEAD]}…{number[0][-_TAIL:]}", value))
    return quoted if len(quoted) <= _SHOWN else f"{quoted[: _SHOWN - 1]}…"
