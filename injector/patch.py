"""The difference of two JSON documents as a JSON Patch (RFC 6902).  Knows nothing of pods.

What belongs here: the patch as data, and applying one.  What never does: what is to be changed, and why.

Only `add`, `remove` and `replace`: an inserted list item is one `add`, so that whoever reads an audit log sees what
was added and not a whole list again.  jsonpatch applies patches here, but does not make them: it writes every list item as
JSON text on every level, which was two thirds of the time of an admission.
"""

import json
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import jsonpatch

from injector.tree import Node, Object, compact

type Operation = Object
"""`op`, `path`, and for add and replace a `value`."""


def difference(old: Object, new: Object) -> list[Operation]:
    """The operations that make `new` of `old`; none if they are equal.

    Equal means the same JSON: `1` is neither `true` nor `1.0`.  Items of a list belong together if they have the same
    `name`, or are equal without one.
    """
    return list(_objects(old, new, ""))


def apply(document: Object, operations: Sequence[Operation]) -> Node:
    """What the API server makes of `document` with this patch; the argument is not changed."""
    changed: Node = jsonpatch.apply_patch(document, json.loads(json.dumps(operations)))
    return changed


def _values(old: Node, new: Node, path: str) -> Iterator[Operation]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _objects(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, path)
    elif type(old) is not type(new) or old != new:
        yield {"op": "replace", "path": path, "value": new}


def _objects(old: Object, new: Object, path: str) -> Iterator[Operation]:
    for key in old:
        if key not in new:
            yield {"op": "remove", "path": _below(path, key)}
    for key, value in new.items():
        if key not in old:
            yield {"op": "add", "path": _below(path, key), "value": value}
    for key, value in old.items():
        if key in new and new[key] is not value:  # a copy shares its leaves: most of a pod ends here
            yield from _values(value, new[key], _below(path, key))


def _lists(old: list[Node], new: list[Node], path: str) -> Iterator[Operation]:
    """From front to back: before the item at `place` the list is what it shall be, so places are those of `new`."""
    for old_from, old_to, new_from, new_to in _runs(old, new):
        pairs = min(old_to - old_from, new_to - new_from)
        for offset in range(pairs):
            place = new_from + offset
            if new[place] is not old[old_from + offset]:
                yield from _values(old[old_from + offset], new[place], f"{path}/{place}")
        for _ in range(old_from + pairs, old_to):
            yield {"op": "remove", "path": f"{path}/{new_from + pairs}"}
        for place in range(new_from + pairs, new_to):
            yield {"op": "add", "path": f"{path}/{place}", "value": new[place]}


def _runs(old: list[Node], new: list[Node]) -> Iterator[tuple[int, int, int, int]]:
    """Stretches of both lists that belong to each other: from, to in `old`, from, to in `new`."""
    ours, theirs = [*map(_identity, old)], [*map(_identity, new)]
    if ours == theirs:
        yield 0, len(old), 0, len(new)
        return
    for _, *run in SequenceMatcher(None, ours, theirs).get_opcodes():
        old_from, old_to, new_from, new_to = run
        yield old_from, old_to, new_from, new_to


def _identity(item: Node) -> tuple[str, str]:
    """What makes an item of a list the same as one of another list."""
    name = item.get("name") if isinstance(item, dict) else None
    return ("name", name) if isinstance(name, str) else ("value", compact(item))


def _below(path: str, key: str) -> str:
    """RFC 6901."""
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
