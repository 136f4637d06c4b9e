"""The difference of two JSON documents as a JSON Patch (RFC 6902).  Knows nothing of pods.

What belongs here: the patch as data, and applying one.  What never does: what is to be changed, and why.

Only `add`, `remove` and `replace`: an inserted list item is one `add`, so that whoever reads an audit log sees what
was added and not a whole list again.
"""

import json
from collections.abc import Sequence

import jsonpatch

from injector.tree import Node, Object

type Operation = Object
"""`op`, `path`, and for add and replace a `value`."""


def difference(old: Object, new: Object) -> list[Operation]:
    """The operations that make `new` of `old`; none if they are equal."""
    patch: list[Operation] = jsonpatch.JsonPatch.from_diff(old, new, optimization=False).patch
    return patch


def apply(document: Object, operations: Sequence[Operation]) -> Node:
    """What the API server makes of `document` with this patch; the argument is not changed."""
    changed: Node = jsonpatch.apply_patch(document, json.loads(json.dumps(operations)))
    return changed
